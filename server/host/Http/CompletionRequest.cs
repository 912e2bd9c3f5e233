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
