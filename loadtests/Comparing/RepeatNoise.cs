using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>
/// How repeats of both runs scatter, on a scale where the scatter is alike at every size: logarithms, and the arcsine of the
/// root for shares. The repeat is the unit: requests
/// of one run share its luck. Of all repeats' and the reference points' deviation the larger one counts.
/// </summary>
internal sealed class RepeatNoise
{
    private readonly CostMetric metric;

    public RepeatNoise(CostMetric metric, params IReadOnlyList<PointResult>[] runs)
    {
        this.metric = metric;
        var all = Pooled(runs.SelectMany(run => run.GroupBy(p => p.Settings.Name)));
        var reference = Pooled(runs.SelectMany(run => run.Where(p => p.Reference).GroupBy(p => p.Settings.Name)));
        (Deviation, DegreesOfFreedom) = reference.Degrees >= 2 && reference.Deviation > all.Deviation ? reference : all;
        if (!IsShare || DegreesOfFreedom == 0) return;

        // Shares that never varied still are of so many requests.
        var requests = runs.SelectMany(run => run).Average(p => (double)p.Summary.Requests);
        Deviation = Math.Max(Deviation, Math.Sqrt(1 / (4 * Math.Max(1, requests))));
    }

    /// <summary>Standard deviation on that scale.</summary>
    public double Deviation { get; }

    /// <summary>0: nothing was measured twice.</summary>
    public int DegreesOfFreedom { get; }

    public bool IsShare => metric.Unit == "share";

    /// <summary>Values of the repeats on that scale.</summary>
    public double[] Scaled(IEnumerable<PointResult> repeats) =>
        IsShare ? [.. Values(repeats).Select(v => Math.Asin(Math.Sqrt(Math.Clamp(v, 0, 1))))]
        : [.. Values(repeats).Where(v => v > 0).Select(v => Math.Log(v))];

    private IEnumerable<double> Values(IEnumerable<PointResult> repeats) =>
        repeats.Select(metric.Of).OfType<double>().Where(double.IsFinite);

    private (double Deviation, int Degrees) Pooled(IEnumerable<IGrouping<string, PointResult>> settings)
    {
        double square = 0;
        var degrees = 0;
        foreach (var repeats in settings)
        {
            var values = Scaled(repeats);
            if (values.Length < 2) continue;
            var mean = values.Average();
            square += values.Sum(v => (v - mean) * (v - mean));
            degrees += values.Length - 1;
        }

        return degrees == 0 ? (0, 0) : (Math.Sqrt(square / degrees), degrees);
    }
}
