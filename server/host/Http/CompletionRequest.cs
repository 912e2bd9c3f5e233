using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>The body of <c>POST /v1/completions</c>, read and typed.</summary>
internal sealed record CompletionRequest
{
    public required string Model { get; init; }

    public required TextGeneration Generation { get; init; }

    /// <summary>Null: not asked for; else how many alternatives per token, 0 for the chosen token only.</summary>
    public int? LogProbs { get; init; }

    /// <summary>The answer begins with the prompt.</summary>
    public bool Echo { get; init; }

    public bool Stream { get; init; }

    public bool IncludeUsage { get; init; }

    /// <summary>0 with echo: the prompt's log-probabilities only.</summary>
    public int MaxTokens { get; init; }
}
