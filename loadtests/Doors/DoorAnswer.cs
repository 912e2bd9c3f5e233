namespace Btx.LoadTests.Doors;

/// <summary>How a request ended.</summary>
/// <param name="Status"><c>ok</c>, or why not, as in <see cref="Records.RequestRecord.Status"/>.</param>
public sealed record DoorAnswer(string Status)
{
    /// <summary>Every later status than these comes from a server that is there.</summary>
    public const string Ok = "ok", Unreachable = "unreachable", CutOff = "cut_off", Timeout = "timeout";

    /// <summary><c>length</c>, <c>stop</c>.</summary>
    public string? Finish { get; init; }

    public string? Error { get; init; }

    /// <summary>By the answer's usage; 0 where there is none.</summary>
    public int PromptTokens { get; init; }

    /// <summary>By the answer's usage; null where there is none.</summary>
    public int? CompletionTokens { get; init; }

    /// <summary>Tokens that each expert computed for the request.</summary>
    public IReadOnlyDictionary<string, double>? ExpertTokens { get; init; }

    /// <summary>A stream ended as it should. That a model left the forest on the way is a failure.</summary>
    public static DoorAnswer Ended(string? finish, string? message) => finish is "removed" or "aborted"
        ? new(finish) { Finish = finish, Error = message } : new(Ok) { Finish = finish };
}
