namespace Btx.LoadTests.Costs;

/// <summary>A run that has points: what comparisons and plans are made from.</summary>
public sealed record MeasuredRun : RunFiles
{
    private MeasuredRun(RunFiles run) : base(run) { }

    public new RunDescription Description => base.Description!;

    /// <exception cref="LoadTestException">No run, no point that can be read, other damage, or a run of a later program.</exception>
    public static MeasuredRun Load(string directory)
    {
        var run = RunFiles.Read(directory);
        string At(string name) => Path.Combine(directory, name);
        foreach (var file in run.Damaged.Where(f => f is RunDirectory.Description or RunDirectory.Quality))
            throw new LoadTestException(run.Faults.First(f => f.StartsWith(At(file), StringComparison.Ordinal)));
        var description = run.Description
            ?? throw new LoadTestException($"{directory} holds no {RunDirectory.Description}: it is not a run's directory");
        if (description.Schema != RunDescription.CurrentSchema)
            throw new LoadTestException($"{At(RunDirectory.Description)} has schema {description.Schema}, this program reads 1");
        if (run.Points.Count == 0)
            throw new LoadTestException(run.Faults.Count > 0 ? $"{directory} holds no point that can be read: {run.Faults[0]}"
                : $"{directory} holds no measured point ({RunDirectory.Points}); the same sweep command goes on where it was stopped");
        return new(run);
    }
}

public static class ObjectiveShare
{
    /// <summary>Null where a point's request records are not there.</summary>
    public static Func<PointResult, double?> FromRecords(string directory, ServiceObjective objective) => point =>
    {
        var file = Path.Combine(directory, RunDirectory.Requests, point.FileName);
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

    public Estimate? Of(Func<LoadSummary, double?> figure) => Of(s => figure(s) is { } value ? new Estimate(value, null, null, 1) : null);

    private double[] Values(Func<PointResult, double?> of) => [.. Repeats.Select(of).OfType<double>().Where(double.IsFinite)];
}

/// <summary>A figure of a point by name: what noise, comparisons and fits are made of.</summary>
/// <param name="Of">Null where the point does not have it.</param>
public sealed record CostMetric(string Name, string Title, string Unit, Func<PointResult, double?> Of)
{
    /// <summary>As the client sees it. The mean and not the median: steps shorter than the way to the client arrive in bunches.</summary>
    public static CostMetric InterToken { get; } = Latency("inter_token", "time between tokens, mean", s => s.InterToken?.Mean);

    /// <summary>Mean seconds of a step that only decodes, by the server's own clock.</summary>
    public static CostMetric DecodeStep { get; } = new("decode_step", "a decode step, the server's clock", "s",
        p => p.Server is { DecodeSteps: > 0, DecodeSeconds: > 0 } s ? s.DecodeSeconds / s.DecodeSteps : null);

    /// <summary>Of the server's time, prompts included: one over the throughput.</summary>
    public static CostMetric SecondsPerToken { get; } = Latency("seconds_per_token", "server time a token",
        s => s.TokensPerSecond > 0 ? 1 / s.TokensPerSecond : null);

    public static IReadOnlyList<CostMetric> All { get; } =
    [
        InterToken,
        Latency("inter_token_p50", "time between tokens, p50", s => s.InterToken?.P50.Value),
        Latency("inter_token_p99", "time between tokens, p99", s => s.InterToken?.P99.Value),
        DecodeStep,
        Latency("time_to_first_token", "time to first token, p50", s => s.TimeToFirstToken?.P50.Value),
        Latency("time_to_first_token_p99", "time to first token, p99", s => s.TimeToFirstToken?.P99.Value),
        Latency("end_to_end", "end to end, p50", s => s.EndToEnd?.P50.Value),
        Latency("end_to_end_p99", "end to end, p99", s => s.EndToEnd?.P99.Value),
        new("tokens_per_second", "tokens a second", "tokens/s", p => p.Summary.TokensPerSecond),
        new("requests_per_second", "requests a second", "requests/s", p => p.Summary.RequestsPerSecond),
        new("goodput", "goodput", "requests/s", p => p.Summary.GoodputPerSecond),
        SecondsPerToken,
    ];

    /// <summary>True for throughputs.</summary>
    public bool MoreIsBetter => Unit.EndsWith("/s", StringComparison.Ordinal);

    public bool IsShare => Unit == "share";

    /// <summary>Values on a scale where noise is alike at every size: logarithms; of shares the arcsine of the root.</summary>
    public double[] Scaled(IEnumerable<PointResult> repeats)
    {
        var values = repeats.Select(Of).OfType<double>().Where(double.IsFinite);
        return IsShare ? [.. values.Select(v => Math.Asin(Math.Sqrt(Math.Clamp(v, 0, 1))))]
            : [.. values.Where(v => v > 0).Select(v => Math.Log(v))];
    }

    private static CostMetric Latency(string name, string title, Func<LoadSummary, double?> of) =>
        new(name, title, "s", p => of(p.Summary));
}

/// <summary>How much a figure varies from one measurement of the same settings to the next.</summary>
/// <param name="RelativeDeviation">Standard deviation of its logarithm: 0.02 is 2 %.</param>
/// <param name="Source"><c>reference</c>: the point that sees the whole run's drift; <c>repeats</c>: all closed-loop points.</param>
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
                   let pooled = Pooled(source.Item2.GroupBy(p => p.Settings.Name), metric)
                   where pooled.Degrees > 0
                   select new NoiseFigure(metric.Name, pooled.Deviation, pooled.Degrees, source.Item1)];
    }

    /// <summary>The reference point's if it was measured three times or more, else that of all repeats; null without both.</summary>
    public static NoiseFigure? Figure(this IReadOnlyList<NoiseFigure> noise, string metric) =>
        noise.Where(n => n.Metric == metric).OrderBy(n => n.Source != "reference" ? 1 : n.DegreesOfFreedom >= 2 ? 0 : 2).FirstOrDefault();

    public static double Relative(this IReadOnlyList<NoiseFigure> noise, string metric) => noise.Figure(metric)?.RelativeDeviation ?? 0;

    /// <summary>Standard deviation of values within their settings, and its degrees of freedom; 0 if nothing was measured twice.</summary>
    internal static (double Deviation, int Degrees) Pooled(IEnumerable<IEnumerable<PointResult>> settings, CostMetric metric)
    {
        double[][] groups = [.. settings.Select(metric.Scaled).Where(v => v.Length > 1)];
        var degrees = groups.Sum(g => g.Length - 1);
        return degrees == 0 ? (0, 0) : (Math.Sqrt(groups.Sum(g => g.Variance() * (g.Length - 1)) / degrees), degrees);
    }
}
