using Btx.Engine.Requests;

namespace Btx.Server.Requests;

/// <param name="Tokens">The n ids that were scored, beginning-of-text included where the tokenizer asks for it.</param>
/// <param name="Result">Arrays of n − 1: entry i belongs to predicting tokens[i + 1].</param>
/// <param name="Windows">How the text was read; one, unless it is longer than the context.</param>
internal sealed record TextScore(int[] Tokens, ScoreResult Result, IReadOnlyList<ScoreWindow> Windows);
