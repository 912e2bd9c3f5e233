using Btx.Engine.Requests;

namespace Btx.Engine;

/// <summary>One finished request.</summary>
/// <param name="Mode">The routing's mode name: ensemble, top_k, top_p, average, expert, moe; or score.</param>
public readonly record struct RequestReport(string Mode, FinishReason Finish, int PromptTokens, int CompletionTokens, TimeSpan Queued,
    TimeSpan TimeToFirstToken, TimeSpan Total);
