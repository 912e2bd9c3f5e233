using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>What a run's points say together: <see cref="RunDirectory.Fits"/>.</summary>
public sealed record CostAnalysis
{
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>How much each figure varies between repeats.</summary>
    public required IReadOnlyList<NoiseFigure> Noise { get; init; }

    /// <summary>a + b·k and A + k·F, one for each load, precision and set of options, and for each quantity.</summary>
    public required IReadOnlyList<CostLine> Lines { get; init; }

    /// <summary>Step time against the experts that a batch touches together.</summary>
    public required IReadOnlyList<UnionFit> Unions { get; init; }

    /// <summary>Load against throughput and latency, up to saturation.</summary>
    public required IReadOnlyList<LoadCurve> Curves { get; init; }

    /// <summary>One for each load; empty without quality.</summary>
    public required IReadOnlyList<Frontier> Frontiers { get; init; }

    public required IReadOnlyList<Recommendation> Recommendations { get; init; }

    /// <summary>What could not be said, and why: a sentence each.</summary>
    public required IReadOnlyList<string> Notes { get; init; }
}

public sealed record AnalysisOptions
{
    /// <summary>How far a point may lie from a model before the model is said to break there, as a share; twice the
    /// noise is allowed where that is more.</summary>
    public double Tolerance { get; init; } = 0.05;

    /// <summary>What to recommend settings for; null: for none.</summary>
    public ServiceObjective? Objective { get; init; }

    /// <summary>Per cent of the full ensemble's bits per byte that a cheaper model may lose.</summary>
    public IReadOnlyList<double> WithinPercent { get; init; } = [1];

    /// <summary>Share of a point's requests that met the objective; null where that is not known. Unless set: from the point's goodput,
    /// which is of the run's own objective.</summary>
    public Func<PointResult, double?> ShareMet { get; init; } = p => p.Summary is { GoodputPerSecond: { } goodput, Requests: > 0 } s
        ? Math.Min(1, goodput * s.Seconds / s.Requests) : null;
}

/// <param name="Name">Of the settings: <see cref="PointSettings.Name"/>.</param>
/// <param name="K">Experts a token.</param>
/// <param name="Seconds">Median of the repeats; the bounds are the smallest and the largest.</param>
/// <param name="Fitted">By the line through all points, with the 95 % interval of the line.</param>
/// <param name="Deviation">Measured over what the trusted line says, less 1.</param>
/// <param name="Breaks">Farther from it than noise and tolerance allow.</param>
public sealed record CostLinePoint(string Name, double K, Estimate Seconds, Estimate Fitted, double Deviation, bool Breaks);

/// <summary>Cost against quality at one load: which points are beaten by none.</summary>
/// <param name="Where">The load, in words: <c>concurrency 4</c>.</param>
/// <param name="Cost">Name of the metric that is the cost: <c>seconds_per_token</c> in the closed loop; <c>inter_token</c> in the open
/// loop, where the throughput is what was offered.</param>
/// <param name="Domains">That quality is known for.</param>
/// <param name="Points">In ascending order of cost.</param>
public sealed record Frontier(string Where, int? Concurrency, double? Rate, string Cost, IReadOnlyList<string> Domains,
    IReadOnlyList<FrontierPoint> Points);

/// <summary>Where more load brings waiting instead of throughput.</summary>
/// <param name="Load">On the curve's own axis.</param>
/// <param name="Low">The measured load below it; 0 if the first one was beyond it.</param>
/// <param name="High">The measured load above it.</param>
/// <param name="RequestsPerSecond">Throughput there.</param>
/// <param name="Method">In words.</param>
public sealed record Knee(double Load, double Low, double High, double RequestsPerSecond, string Method);

/// <param name="Intercept">a: seconds that no expert takes.</param>
/// <param name="Slope">b: seconds for one expert more.</param>
/// <param name="R2">Share of the (weighted) variance that the line explains.</param>
/// <param name="MisfitP">Chance of a misfit as large as this beside the repeats' scatter if the line were right; null
/// without repeats or with two places only.</param>
/// <param name="From">Smallest k that it was fitted to.</param>
/// <param name="To">Largest.</param>
public sealed record LineFigures(Estimate Intercept, Estimate Slope, double R2, double? MisfitP, double From, double To)
{
    public double At(double x) => Intercept.Value + (Slope.Value * x);
}

/// <summary>How much a figure varies from one measurement of the same settings to the next.</summary>
/// <param name="Metric">Name of a <see cref="CostMetric"/>.</param>
/// <param name="RelativeDeviation">Standard deviation of its logarithm: 0.02 is 2 %.</param>
/// <param name="DegreesOfFreedom">Measurements less their settings.</param>
/// <param name="Source"><c>reference</c>: the point that is measured again and again, which sees the whole run's drift; <c>repeats</c>: all
/// closed-loop points' repeats together (all points' in a run without).</param>
public sealed record NoiseFigure(string Metric, double RelativeDeviation, int DegreesOfFreedom, string Source);

/// <param name="Name">Of the settings.</param>
/// <param name="Batch">Mean tokens a decode step.</param>
/// <param name="K">Experts a token.</param>
/// <param name="Experts">E: how many there are.</param>
/// <param name="Distinct">Measured: mean distinct experts a decode step; median of the repeats with the smallest and the largest.</param>
/// <param name="Formula">E·(1 - (1 - k/E)^batch): tokens that choose independently and evenly.</param>
/// <param name="Seconds">Of a decode step, likewise.</param>
/// <param name="Fitted">By the fit; null without one.</param>
/// <param name="FormulaHolds">Measured and formula differ by no more than the tolerance.</param>
public sealed record UnionPoint(string Name, double Batch, int K, int Experts, Estimate Distinct, double Formula, Estimate Seconds,
    double? Fitted, bool FormulaHolds);

/// <summary>Whether a point that was read from a file has everything that is computed with: a line
/// that parses can still lack half of it.</summary>
internal static class WholePoint
{
    public static bool Is(PointResult p) =>
        p is
        {
            Settings: { Mode.Length: > 0, Load: not null, Precision: not null, Options: not null } settings,
            Summary: { Statuses: not null, Requests: >= 0, Failed: >= 0 } s
        }
        && (settings.Rate is > 0 || settings.Concurrency is > 0)
        && (settings.K ?? 1) > 0 && (p.Experts ?? 0) >= 0 && (p.MixtureExperts ?? 0) >= 0
        && s.Failed <= s.Requests
        && Numbers(s.Seconds, s.TokensPerSecond, s.RequestsPerSecond, s.OfferedPerSecond, s.GoodputPerSecond, settings.Rate)
        && new[] { s.TimeToFirstToken, s.InterToken, s.EndToEnd, s.EndToEndFromSent }.All(Is)
        && (p.Server is not { } v || Numbers(v.DecodeSteps, v.DecodeSeconds, v.MeanBatch, v.DistinctExperts, v.DistinctMixtureExperts));

    private static bool Is(LatencyFigures? latency) =>
        latency is null || (latency is { P50: not null, P90: not null, P99: not null }
        && Numbers(latency.P50.Value, latency.P90.Value, latency.P99.Value, latency.Mean));

    private static bool Numbers(params double?[] values) => values.All(v => v is null || (double.IsFinite(v.Value) && v >= 0 && v < 1e100));
}
