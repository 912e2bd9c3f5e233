namespace Btx.Server.Http;

/// <summary>Log-probabilities in the form of OpenAI's completions: parallel lists, one entry per token. Null: the first token of an
/// echoed prompt, which nothing predicts.</summary>
internal sealed record CompletionLogProbs
{
    public List<string> Tokens { get; init; } = [];

    public List<double?> TokenLogprobs { get; init; } = [];

    public List<Dictionary<string, double>?> TopLogprobs { get; init; } = [];

    /// <summary>Where each token begins in the whole text, in characters (Unicode code points).</summary>
    public List<int> TextOffset { get; init; } = [];

    public void Append(CompletionLogProbs more)
    {
        Tokens.AddRange(more.Tokens);
        TokenLogprobs.AddRange(more.TokenLogprobs);
        TopLogprobs.AddRange(more.TopLogprobs);
        TextOffset.AddRange(more.TextOffset);
    }
}
