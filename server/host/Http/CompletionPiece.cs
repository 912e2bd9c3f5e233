namespace Btx.Server.Http;

/// <summary>What one token, or the echoed prompt, adds to a completion.</summary>
internal sealed record CompletionPiece
{
    public string Text { get; init; } = "";

    public CompletionLogProbs? LogProbs { get; init; }

    /// <summary>Null unless asked for.</summary>
    public CompletionExperts? Experts { get; init; }

    /// <summary><c>stop</c> or <c>length</c> with the last piece.</summary>
    public string? FinishReason { get; init; }

    public CompletionUsage? Usage { get; init; }
}
