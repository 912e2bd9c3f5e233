using Btx.Model.Mixing;

namespace Btx.Engine.Requests;

/// <param name="Tokens">At least 2 and at most the context length.</param>
public sealed record ScoreRequest(int[] Tokens, Routing Routing);
