using System.Text.Json.Serialization;

namespace Btx.LoadTests.Records;

/// <summary>One measurement of a run.</summary>
/// <param name="Repeat">Which of the settings' repeats, from 0.</param>
/// <param name="Order">Position in the shuffled order, from 0.</param>
/// <param name="Reference">The point that is measured again and again: how it varies is the machine's noise.</param>
public record PlannedPoint(PointSettings Settings, int Repeat, int Order, bool Reference)
{
    /// <summary>Equal for the same measurement of the same sweep.</summary>
    [JsonIgnore]
    public string Name => $"{Settings.Name}{(Reference ? "-ref" : "")}-r{Repeat}";

    /// <summary>Of its requests' records.</summary>
    [JsonIgnore]
    public string FileName => $"{string.Concat(Name.Select(c => c is '/' or '\\' or ':' || char.IsControl(c) ? '_' : c))}.jsonl";
}

/// <summary>One measured point: one line of a run's <c>points.jsonl</c>.</summary>
/// <param name="Server">Null for peers without metrics.</param>
/// <param name="Experts">Of the served forest; null for peers.</param>
/// <param name="Peer">A peer's own words on what it is and how it runs; null for the server.</param>
public sealed record PointResult(PointSettings Settings, int Repeat, int Order, DateTimeOffset Started, LoadSummary Summary,
    bool Reference = false, ServerFigures? Server = null, int? Experts = null, int? MixtureExperts = null, string? Peer = null)
    : PlannedPoint(Settings, Repeat, Order, Reference);

/// <summary>What a point of a sweep sets.</summary>
/// <param name="Mode">As in <c>sweep --modes</c>; or <c>peer:NAME</c>.</param>
/// <param name="K">Experts a token, as asked for or as the mode runs them; null for <c>top_p</c> and peers.</param>
/// <param name="Load"><c>closed</c>: <paramref name="Concurrency"/> in flight; <c>open</c>: <paramref name="Rate"/> due a second.</param>
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
/// tokens and requests are of what arrived in that time. Latencies are null where no request succeeded.</summary>
/// <param name="Statuses">Requests by status, <c>ok</c> among them; the most frequent first.</param>
/// <param name="OfferedPerSecond">Requests a second that were due in the measured time.</param>
/// <param name="GoodputPerSecond">Successful requests that met the objective, of those due, a second; null without one.</param>
/// <param name="EndToEnd">From due to the end, as the time to first token is from due.</param>
/// <param name="EndToEndFromSent">From sent to the end: what a tool that omits the wait would report.</param>
public sealed record LoadSummary(double Seconds, int Requests, int Failed, IReadOnlyDictionary<string, int> Statuses, long PromptTokens,
    long CompletionTokens, double TokensPerSecond, double RequestsPerSecond, double OfferedPerSecond, double? GoodputPerSecond = null,
    LatencyFigures? TimeToFirstToken = null, LatencyFigures? InterToken = null, LatencyFigures? EndToEnd = null,
    LatencyFigures? EndToEndFromSent = null);

/// <summary>A figure with its 95 % confidence interval; null bounds where too few values were seen for one.</summary>
public sealed record Estimate(double Value, double? Low, double? High, int Count);

/// <summary>The distribution of one latency, seconds.</summary>
public sealed record LatencyFigures(Estimate P50, Estimate P90, Estimate P99, double Mean, double Max);

/// <summary>What a request has to do to count: limits in seconds, null where there is none; it meets the objective if all hold.</summary>
/// <param name="InterToken">Of the request's mean gap between tokens.</param>
/// <param name="Share">Share of requests that must meet it for a point to meet the objective, 0 to 1.</param>
public sealed record ServiceObjective(double? TimeToFirstToken, double? InterToken, double? EndToEnd, double Share = 0.99);

/// <summary>What the server's own <c>/metrics</c> say of the same time. A decode step is one without any prefill.</summary>
/// <param name="MeanTimeToFirstToken">Seconds, from arrival on.</param>
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
/// <param name="Index">Position in the order of arrival, from 0.</param>
/// <param name="Due">Latency counts from here, not from <paramref name="Sent"/>: a stalled server may not hide the requests that it held
/// up (coordinated omission).</param>
/// <param name="Domain">Whose test split the prompt is from.</param>
/// <param name="Status"><c>ok</c>, or why not: a gRPC status, <c>http_503</c>, <c>timeout</c>, <c>unreachable</c>, <c>cut_off</c>.</param>
/// <param name="WarmUp">Due before measuring began; only its tokens that arrived later count, to the throughput.</param>
/// <param name="ExpertTokens">Rows that ran on each expert by the answer's usage; of a BTX model tokens, mean over layers.</param>
public sealed record RequestRecord(int Index, double Due, double Sent, string Domain, string Status, bool WarmUp = false,
    double? FirstToken = null, double? End = null, int PromptTokens = 0, int CompletionTokens = 0, string? Finish = null,
    string? Error = null, IReadOnlyDictionary<string, double>? ExpertTokens = null)
{
    /// <summary>Seconds between tokens that follow each other, of length <see cref="CompletionTokens"/> - 1.</summary>
    public float[] Gaps { get; init; } = [];

    [JsonIgnore]
    public bool Ok => Status == "ok";

    /// <summary>When each token arrived.</summary>
    public IEnumerable<double> TokenTimes()
    {
        if (FirstToken is not { } at) yield break;
        yield return at;
        foreach (var gap in Gaps) yield return at += gap;
    }
}
