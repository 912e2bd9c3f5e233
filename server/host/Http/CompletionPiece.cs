namespace Btx.Server.Http;

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
