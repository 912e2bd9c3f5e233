using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;
using MathNet.Numerics.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>What a run's directory holds of measurements.</summary>
/// <param name="Directory">As it was named.</param>
/// <param name="Quality">Null if the run has none.</param>
public sealed record MeasuredRun(string Directory, RunDescription Description, IReadOnlyList<PointResult> Points, QualityTable? Quality)
{
    /// <summary>Points that are damaged and were left out, and why.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <exception cref="LoadTestException">No run, no point that can be read, other damage, or a run of a later program.</exception>
    public static MeasuredRun Load(string directory)
    {
        if (!System.IO.Directory.Exists(directory))
            throw new LoadTestException($"{directory}: no such directory; name one that btx loadtest sweep or run wrote");
        string At(string name) => Path.Combine(directory, name);
        if (!File.Exists(At(RunDirectory.Description)))
            throw new LoadTestException($"{directory} holds no {RunDirectory.Description}: it is not a run's directory");
        var description = RunJson.Read<RunDescription>(At(RunDirectory.Description));
        if (description.Schema != RunDescription.CurrentSchema)
            throw new LoadTestException($"{At(RunDirectory.Description)} has schema {description.Schema}, this program reads "
                + $"{RunDescription.CurrentSchema}; read it with the program that wrote it");
        var faults = new List<string>();
        var points = File.Exists(At(RunDirectory.Points)) ? PointLines.Read(At(RunDirectory.Points), faults) : [];
        if (points.Count == 0)
            throw new LoadTestException(faults.Count > 0 ? $"{directory} holds no point that can be read: {faults[0]}"
                : $"{directory} holds no measured point ({RunDirectory.Points}); the same sweep command goes on where it was stopped");
        if (description.Machine is null || description.Load is null)
            throw new LoadTestException($"{At(RunDirectory.Description)} names no machine or no load: it is damaged");
        var quality = File.Exists(At(RunDirectory.Quality)) ? RunJson.Read<QualityTable>(At(RunDirectory.Quality)) : null;
        if (quality is not null && !WholeRecord.Is(quality))
            throw new LoadTestException($"{At(RunDirectory.Quality)} has figures that are missing or not above zero: it is damaged");
        return new MeasuredRun(directory, description, points, quality) { Faults = faults };
    }

    /// <summary>Fits, frontiers and recommendations for the run's own objective, or for another one from the request records.</summary>
    public CostAnalysis Analyse(AnalysisOptions options) =>
        CostModel.Analyse(Points, Quality, ObjectiveShare.With(options, Directory, Description.Objective));
}

/// <summary>Whether what was read has everything that is computed with: what parses can still lack half of it.</summary>
internal static class WholeRecord
{
    public static bool Is(QualityTable quality) => quality is { BitsPerByte: not null, Perplexity: not null }
        && quality.BitsPerByte.Values.Concat(quality.Perplexity.Values)
            .All(domains => domains is not null && domains.Values.All(v => v > 0 && double.IsFinite(v)));

    public static bool Is(PointResult p) =>
        p is
        {
            Settings: { Mode.Length: > 0, Load: not null, Precision: not null, Options: not null } settings,
            Summary: { Statuses: not null, Requests: >= 0, Failed: >= 0 } s
        }
        && (settings.Rate is > 0 || settings.Concurrency is > 0)
        && (settings.K ?? 1) > 0 && (p.Experts ?? 0) >= 0 && (p.MixtureExperts ?? 0) >= 0 && s.Failed <= s.Requests
        && Numbers(s.Seconds, s.TokensPerSecond, s.RequestsPerSecond, s.OfferedPerSecond, s.GoodputPerSecond, settings.Rate)
        && new[] { s.TimeToFirstToken, s.InterToken, s.EndToEnd, s.EndToEndFromSent }.All(Is)
        && (p.Server is not { } v || Numbers(v.DecodeSteps, v.DecodeSeconds, v.MeanBatch, v.DistinctExperts, v.DistinctMixtureExperts));

    private static bool Is(LatencyFigures? latency) => latency is null || (latency is { P50: not null, P90: not null, P99: not null }
        && Numbers(latency.P50.Value, latency.P90.Value, latency.P99.Value, latency.Mean));

    private static bool Numbers(params double?[] values) => values.All(v => v is null || (double.IsFinite(v.Value) && v >= 0 && v < 1e100));
}

public static class ObjectiveShare
{
    /// <summary>For the objective that is asked for, or the run's own; another one than that is counted in the request records.</summary>
    public static AnalysisOptions With(AnalysisOptions options, string directory, ServiceObjective? own) =>
        (options.Objective ?? own) is not { } objective ? options : objective == own ? options with { Objective = objective }
        : options with { Objective = objective, ShareMet = FromRecords(directory, objective) };

    /// <summary>Null where a point's request records are not there.</summary>
    public static Func<PointResult, double?> FromRecords(string directory, ServiceObjective objective) => point =>
    {
        var file = Path.Combine(directory, RunDirectory.Requests, $"{point.Settings.Name}-r{point.Repeat}.jsonl");
        if (!File.Exists(file)) return null;
        RequestRecord[] records = [.. RunJson.ReadLines<RequestRecord>(file).Where(r => !r.WarmUp)];
        return records.Length == 0 ? null : records.Count(r => ObjectiveCheck.Meets(objective, r)) / (double)records.Length;
    };
}

/// <summary>All repeats of one point.</summary>
public sealed record MeasuredSettings(PointSettings Settings, IReadOnlyList<PointResult> Repeats)
{
    public string Name => Settings.Name;

    /// <summary>Experts a token: k of <c>top_k</c> and <c>moe</c>, all for <c>ensemble</c>; null for other modes.</summary>
    public int? K => Settings.Mode switch
    {
        "top_k" or "moe" => Settings.K,
        "ensemble" => Repeats[0].Experts is { } all and > 0 ? all : Settings.K,
        _ => null,
    };

    /// <summary>How many experts there are: of the forest, or of the BTX model.</summary>
    public int? Experts => (Settings.Mode == "moe" ? Repeats[0].MixtureExperts : Repeats[0].Experts) is { } n and > 0 ? n : null;

    public int Requests => Repeats.Sum(p => p.Summary.Requests);

    public int Failed => Repeats.Sum(p => p.Summary.Failed);

    /// <summary>Mean distinct experts a decode step.</summary>
    public Estimate? Distinct => Middle(DistinctOf);

    /// <summary>By first measurement; the reference point's many measurements count only where there are no others.</summary>
    public static IReadOnlyList<MeasuredSettings> Group(IEnumerable<PointResult> points) =>
        [.. points.GroupBy(p => p.Settings.Name).Select(g => (All: g.ToArray(), Grid: g.Where(p => !p.Reference).ToArray()))
            .Select(g => new MeasuredSettings(g.All[0].Settings, g.Grid.Length > 0 ? g.Grid : g.All))];

    public static double? DistinctOf(PointResult p) =>
        p.Settings.Mode == "moe" ? p.Server?.DistinctMixtureExperts : p.Server?.DistinctExperts;

    public double[] Values(CostMetric metric) => Values(metric.Of);

    public Estimate? Middle(CostMetric metric) => Middle(metric.Of);

    /// <summary>Median of the repeats with the smallest and the largest; null if none has the figure.</summary>
    public Estimate? Middle(Func<PointResult, double?> of) => Values(of) is { Length: > 0 } values
        ? new Estimate(values.Median(), values.Min(), values.Max(), values.Length) : null;

    /// <summary>The same of a figure with an interval of its own, which stands where there is one repeat only.</summary>
    public Estimate? Of(Func<LoadSummary, Estimate?> figure)
    {
        Estimate[] estimates = [.. Repeats.Select(p => figure(p.Summary)).OfType<Estimate>().Where(e => double.IsFinite(e.Value))];
        return estimates.Length < 2 ? estimates.FirstOrDefault() : Middle(p => figure(p.Summary)?.Value);
    }

    /// <inheritdoc cref="Of(Func{LoadSummary, Estimate})"/>
    public Estimate? Of(Func<LoadSummary, double?> figure) => Of(s => figure(s) is { } value ? new Estimate(value, null, null, 1) : null);

    private double[] Values(Func<PointResult, double?> of) => [.. Repeats.Select(of).OfType<double>().Where(double.IsFinite)];
}

/// <summary>A figure of a point by name: what noise, comparisons and fits are made of.</summary>
/// <param name="Of">Null where the point does not have it.</param>
/// <param name="MoreIsBetter">True for throughputs.</param>
public sealed record CostMetric(string Name, string Unit, bool MoreIsBetter, Func<PointResult, double?> Of)
{
    /// <summary>As the client sees it. The mean and not the median: steps shorter than the way to the client arrive in bunches.</summary>
    public static CostMetric InterToken { get; } = new("inter_token", "s", false, p => p.Summary.InterToken?.Mean);

    /// <summary>Mean seconds of a step that only decodes, by the server's own clock.</summary>
    public static CostMetric DecodeStep { get; } = new("decode_step", "s", false,
        p => p.Server is { DecodeSteps: > 0, DecodeSeconds: > 0 } s ? s.DecodeSeconds / s.DecodeSteps : null);

    /// <summary>Of the server's time, prompts included: one over the throughput.</summary>
    public static CostMetric SecondsPerToken { get; } = new("seconds_per_token", "s", false,
        p => p.Summary.TokensPerSecond > 0 ? 1 / p.Summary.TokensPerSecond : null);

    public static IReadOnlyList<CostMetric> All { get; } =
    [
        InterToken,
        new("inter_token_p50", "s", false, p => p.Summary.InterToken?.P50.Value),
        new("inter_token_p99", "s", false, p => p.Summary.InterToken?.P99.Value),
        DecodeStep,
        new("time_to_first_token", "s", false, p => p.Summary.TimeToFirstToken?.P50.Value),
        new("time_to_first_token_p99", "s", false, p => p.Summary.TimeToFirstToken?.P99.Value),
        new("end_to_end", "s", false, p => p.Summary.EndToEnd?.P50.Value),
        new("end_to_end_p99", "s", false, p => p.Summary.EndToEnd?.P99.Value),
        new("tokens_per_second", "tokens/s", true, p => p.Summary.TokensPerSecond),
        new("requests_per_second", "requests/s", true, p => p.Summary.RequestsPerSecond),
        new("goodput", "requests/s", true, p => p.Summary.GoodputPerSecond),
        SecondsPerToken,
    ];

    public override string ToString() => Name;
}

/// <summary>How much a figure varies from one measurement of the same settings to the next.</summary>
/// <param name="RelativeDeviation">Standard deviation of its logarithm: 0.02 is 2 %.</param>
/// <param name="Source"><c>reference</c>: the point that is measured again and again, which sees the whole run's drift; <c>repeats</c>: all
/// closed-loop points' repeats together (all points' in a run without).</param>
public sealed record NoiseFigure(string Metric, double RelativeDeviation, int DegreesOfFreedom, string Source);

public static class NoiseFigures
{
    /// <summary>Of every metric that was measured more than once; both sources where both are there.</summary>
    public static IReadOnlyList<NoiseFigure> Of(IReadOnlyList<PointResult> points)
    {
        // Open loops near saturation scatter far more; what is fitted is closed.
        var closed = points.Any(p => p is { Reference: false, Settings.Load: "closed" });
        var sources = new[] { ("reference", points.Where(p => p.Reference)),
            ("repeats", points.Where(p => !p.Reference && (p.Settings.Load == "closed" || !closed))) };
        return [.. from metric in CostMetric.All
                   from source in sources
                   let pooled = Pooled(source.Item2.GroupBy(p => p.Settings.Name), of =>
                       [.. of.Select(metric.Of).OfType<double>().Where(v => v > 0).Select(v => Math.Log(v))])
                   where pooled.Degrees > 0
                   select new NoiseFigure(metric.Name, pooled.Deviation, pooled.Degrees, source.Item1)];
    }

    /// <summary>The reference point's if it was measured three times or more, else that of all repeats; null without both.</summary>
    public static NoiseFigure? Figure(this IReadOnlyList<NoiseFigure> noise, string metric) =>
        noise.Where(n => n.Metric == metric).OrderBy(n => n.Source != "reference" ? 1 : n.DegreesOfFreedom >= 2 ? 0 : 2).FirstOrDefault();

    /// <summary>Deviation of <see cref="Figure"/>; 0 if that is not known.</summary>
    public static double Relative(this IReadOnlyList<NoiseFigure> noise, string metric) => noise.Figure(metric)?.RelativeDeviation ?? 0;

    /// <summary>Standard deviation of values within their settings, and its degrees of freedom; 0 if nothing was measured twice.</summary>
    internal static (double Deviation, int Degrees) Pooled(IEnumerable<IEnumerable<PointResult>> settings,
        Func<IEnumerable<PointResult>, double[]> values)
    {
        double[][] groups = [.. settings.Select(values).Where(v => v.Length > 1)];
        var degrees = groups.Sum(g => g.Length - 1);
        return degrees == 0 ? (0, 0) : (Math.Sqrt(groups.Sum(g => g.Variance() * (g.Length - 1)) / degrees), degrees);
    }
}
