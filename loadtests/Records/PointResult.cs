using System.Text.Json.Serialization;

namespace Btx.LoadTests.Records;

/// <summary>One measured point: one line of a run's <c>points.jsonl</c>.</summary>
public sealed record PointResult
{
    public required PointSettings Settings { get; init; }

    /// <summary>Which of the settings' repeats, from 0.</summary>
    public required int Repeat { get; init; }

    /// <summary>Position in the shuffled order, from 0.</summary>
    public required int Order { get; init; }

    /// <summary>The point that is measured again and again: how it varies is the machine's noise.</summary>
    public bool Reference { get; init; }

    public required DateTimeOffset Started { get; init; }

    public required LoadSummary Summary { get; init; }

    /// <summary>Null for peers without metrics.</summary>
    public ServerFigures? Server { get; init; }

    /// <summary>Experts that were served, and in the BTX model; null for peers.</summary>
    public int? Experts { get; init; }

    public int? MixtureExperts { get; init; }

    /// <summary>A peer's own words on what it is and how it runs; null for the server.</summary>
    public string? Peer { get; init; }
}

/// <summary>What a point of a sweep sets.</summary>
/// <param name="Mode">Routing mode: <c>ensemble</c>, <c>top_k</c>, <c>top_p:MASS</c>, <c>average</c>, <c>average:NAME</c>, <c>expert</c>
/// (of the prompt's domain), <c>expert:NAME</c>, <c>moe</c>; or <c>peer:NAME</c>.</param>
/// <param name="K">Experts a token, of <c>top_k</c> and <c>moe</c>; for the other modes what they run: all for <c>ensemble</c>, 1 for
/// <c>average</c> and <c>expert</c>; null for <c>top_p</c> and peers.</param>
/// <param name="Load"><c>closed</c> or <c>open</c>.</param>
/// <param name="Concurrency">Closed loop: requests in flight; the batch that is asked for.</param>
/// <param name="Rate">Open loop: requests due a second.</param>
/// <param name="Precision">Of the served weights: <c>fp32</c>, <c>fp16</c>, <c>int8</c>, <c>int4</c>.</param>
/// <param name="Options">Further server options, <c>--name</c> to value.</param>
public sealed record PointSettings(string Mode, int? K, string Load, int? Concurrency, double? Rate, string Precision,
    IReadOnlyDictionary<string, string> Options)
{
    /// <summary>Precision of a server that does not say.</summary>
    public const string Unknown = "unknown";

    /// <summary>The same words for equal settings: a file name's part and a table's row.</summary>
    public string Name => string.Join('-', new[] { Mode.Replace(':', '_'), K is not null && Mode is "top_k" or "moe" ? $"k{K}" : null,
        Rate is { } r ? FormattableString.Invariant($"r{r:0.###}") : $"c{Concurrency}", Precision == Unknown ? null : Precision }
        .Concat(Options.OrderBy(o => o.Key, StringComparer.Ordinal).Select(o => $"{o.Key.TrimStart('-')}={o.Value}"))
        .Where(p => p is not null));
}

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

    /// <summary>Successful requests that met the objective, of those due in the measured time, a second of it; null without one.</summary>
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

/// <summary>A figure with its 95 % confidence interval; null bounds where too few values were seen for one.</summary>
/// <param name="Count">Values that it is made of.</param>
public sealed record Estimate(double Value, double? Low, double? High, int Count);

/// <summary>The distribution of one latency, seconds.</summary>
public sealed record LatencyFigures(Estimate P50, Estimate P90, Estimate P99, double Mean, double Max);

/// <summary>What a request has to do to count: each limit in seconds, null where there is none. A request meets it if all hold.</summary>
/// <param name="InterToken">Of the request's mean gap between tokens.</param>
/// <param name="Share">Share of requests that must meet it for a point to meet the objective, 0 to 1.</param>
public sealed record ServiceObjective(double? TimeToFirstToken, double? InterToken, double? EndToEnd, double Share = 0.99);

/// <summary>What the server's own <c>/metrics</c> say of the same time: differences between its begin and its end.</summary>
/// <param name="Seconds">Between the two readings.</param>
/// <param name="MeanTimeToFirstToken">Seconds, from arrival on.</param>
/// <param name="DecodeSteps">Steps without any prefill; all that follows is of these alone.</param>
/// <param name="DecodeSeconds">How long they took, summed.</param>
/// <param name="MeanBatch">Tokens a decode step: the batch that really ran.</param>
/// <param name="DistinctExperts">That a decode step ran, of the forest, on average.</param>
/// <param name="DistinctMixtureExperts">The same of the BTX model, mean over its layers.</param>
public sealed record ServerFigures(double Seconds = 0, double Requests = 0, double CompletionTokens = 0, double PrefillTokens = 0,
    double Steps = 0, double StepSeconds = 0, double MeanTimeToFirstToken = 0, double MeanRequestSeconds = 0, double DecodeSteps = 0,
    double DecodeSeconds = 0, double MeanBatch = 0, double? DistinctExperts = null, double? DistinctMixtureExperts = null)
{
    /// <summary>Rows that ran on each expert.</summary>
    public IReadOnlyDictionary<string, double> ExpertSteps { get; init; } = new Dictionary<string, double>();
}

/// <summary>One request as its client saw it, a line of a run's <c>requests/*.jsonl</c>. Times are seconds since the load began.</summary>
public sealed record RequestRecord
{
    /// <summary>Position in the order of arrival, from 0.</summary>
    public required int Index { get; init; }

    /// <summary>Due before measuring began; only its tokens that arrived later count, to the throughput.</summary>
    public bool WarmUp { get; init; }

    /// <summary>When it was due. Latency counts from here, not from <see cref="Sent"/>: a stalled server may not hide the requests
    /// that it held up (coordinated omission).</summary>
    public required double Due { get; init; }

    public required double Sent { get; init; }

    public double? FirstToken { get; init; }

    public double? End { get; init; }

    /// <summary>Seconds between tokens that follow each other, of length <see cref="CompletionTokens"/> - 1.</summary>
    public float[] Gaps { get; init; } = [];

    public int PromptTokens { get; init; }

    public int CompletionTokens { get; init; }

    /// <summary>Domain whose test split the prompt is from.</summary>
    public required string Domain { get; init; }

    /// <summary><c>ok</c>, or why not: the gRPC status or <c>http_503</c>, <c>timeout</c>, <c>unreachable</c>, <c>cut_off</c>.</summary>
    public required string Status { get; init; }

    public string? Finish { get; init; }

    public string? Error { get; init; }

    /// <summary>Rows that ran on each expert for it, from the answer's usage: a token each, a chunk of the prompt one; of
    /// a BTX model tokens, mean over layers.</summary>
    public IReadOnlyDictionary<string, double>? ExpertTokens { get; init; }

    [JsonIgnore]
    public bool Ok => Status == "ok";
}
