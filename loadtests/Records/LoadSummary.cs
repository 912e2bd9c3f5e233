namespace Btx.LoadTests.Records;

/// <summary>What one load did. Latencies and counts are of the requests that were due in the measured time, whenever they ended; rates of
/// tokens and requests are of what arrived in that time.</summary>
public sealed record LoadSummary
{
    /// <summary>Seconds that were measured.</summary>
    public required double Seconds { get; init; }

    public required int Requests { get; init; }

    public required int Failed { get; init; }

    /// <summary>Requests by status, <c>ok</c> among them; the most frequent first.</summary>
    public required IReadOnlyDictionary<string, int> Statuses { get; init; }

    /// <summary>Of successful requests, like the next.</summary>
    public required long PromptTokens { get; init; }

    public required long CompletionTokens { get; init; }

    /// <summary>Completion tokens of successful requests a second.</summary>
    public required double TokensPerSecond { get; init; }

    public required double RequestsPerSecond { get; init; }

    /// <summary>Requests a second that were due in the measured time: the offered load.</summary>
    public required double OfferedPerSecond { get; init; }

    /// <summary>Successful requests that met the objective, of those due in the measured time, a
    /// second of it; null without an objective.</summary>
    public double? GoodputPerSecond { get; init; }

    /// <summary>From due to the first token, successful requests. Null where none succeeded; so are the next three.</summary>
    public LatencyFigures? TimeToFirstToken { get; init; }

    /// <summary>Between two tokens of a request.</summary>
    public LatencyFigures? InterToken { get; init; }

    /// <summary>From due to the end.</summary>
    public LatencyFigures? EndToEnd { get; init; }

    /// <summary>From sent to the end: what a tool that omits the wait would report.</summary>
    public LatencyFigures? EndToEndFromSent { get; init; }
}
