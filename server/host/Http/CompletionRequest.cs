using Btx.Engine.Requests;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>The body of <c>POST /v1/completions</c>, read and typed.</summary>
internal sealed record CompletionRequest
{
    /// <summary>The model's id as the answer repeats it.</summary>
    public required string Model { get; init; }

    public required Prompt Prompt { get; init; }

    /// <summary>But for the prompt's tokens.</summary>
    public required GenerationRequest Generation { get; init; }

    /// <summary>Null: not asked for; else how many alternatives per token, 0 for the chosen token only.</summary>
    public int? LogProbs { get; init; }

    /// <summary>The answer begins with the prompt.</summary>
    public bool Echo { get; init; }

    public bool Stream { get; init; }

    public bool IncludeUsage { get; init; }

    /// <summary>Nothing is generated: the answer is the prompt.</summary>
    public bool IsOnlyEcho => Echo && Generation.MaxTokens == 0;
}

/// <summary>What one token, or the echoed prompt, adds to a completion.</summary>
internal sealed record CompletionPiece
{
    public string Text { get; init; } = "";

    public CompletionLogProbs? LogProbs { get; init; }

    /// <summary>Null unless asked for.</summary>
    public CompletionExperts? Experts { get; init; }

    /// <summary>With the last piece: <c>stop</c> or <c>length</c>; <c>removed</c> or <c>aborted</c> where a change of the forest
    /// ended the request after its first tokens.</summary>
    public string? FinishReason { get; init; }

    /// <summary>Why, where <see cref="FinishReason"/> alone does not say it.</summary>
    public string? FinishMessage { get; init; }

    public CompletionUsage? Usage { get; init; }
}

/// <summary>Tokens of a completion, in OpenAI's form.</summary>
internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}

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
