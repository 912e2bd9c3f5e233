using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;
using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Comparing;

/// <summary>Latencies, throughput, failures of the points that both runs have.</summary>
internal static class PointChanges
{
    public static IReadOnlyList<CostMetric> Metrics { get; } =
    [
        .. CostMetric.All.Where(m => m != CostMetric.SecondsPerToken && m.Name != "requests_per_second"),
        new("failed", "share", false, p => p.Summary.Requests > 0 ? p.Summary.Failed / (double)p.Summary.Requests : null),
    ];

    public static IEnumerable<Change> Of(IReadOnlyList<PointResult> first, IReadOnlyList<PointResult> second,
        IReadOnlyList<CostMetric> metrics)
    {
        var others = MeasuredSettings.Group(second).ToDictionary(m => m.Name);
        var pairs = MeasuredSettings.Group(first).Where(m => others.ContainsKey(m.Name))
            .Select(m => (First: m, Second: others[m.Name])).ToArray();
        foreach (var metric in metrics)
        {
            // Open loops near saturation scatter far more than closed ones.
            foreach (var load in pairs.GroupBy(p => p.First.Settings.Load))
            {
                var noise = new RepeatNoise(metric, [.. first.Where(p => p.Settings.Load == load.Key)],
                    [.. second.Where(p => p.Settings.Load == load.Key)]);
                foreach (var pair in load)
                    if (Compare(pair.First.Name, metric, noise, pair.First.Repeats, pair.Second.Repeats) is { } change) yield return change;
            }
        }
    }

    /// <summary>Null where one side has no value.</summary>
    internal static Change? Compare(string of, CostMetric metric, RepeatNoise noise, IEnumerable<PointResult> first,
        IEnumerable<PointResult> second)
    {
        double[] a = noise.Scaled(first), b = noise.Scaled(second);
        if (a.Length == 0 || b.Length == 0) return null;
        double Back(double v) => noise.IsShare ? Math.Pow(Math.Sin(v), 2) : Math.Exp(v);
        double difference = b.Average() - a.Average(), error = noise.Deviation * Math.Sqrt((1.0 / a.Length) + (1.0 / b.Length));
        double? p = null, half = null;
        if (noise.DegreesOfFreedom > 0)
        {
            p = difference == 0 ? 1 : error == 0 ? 0 : 2 * StudentT.CDF(0, 1, noise.DegreesOfFreedom, -Math.Abs(difference / error));
            half = error * StudentT.InvCDF(0, 1, noise.DegreesOfFreedom, 0.975);
        }

        return new Change
        {
            Of = of,
            Metric = metric.Name,
            Unit = metric.Unit,
            MoreIsBetter = metric.MoreIsBetter,
            First = Back(a.Average()),
            Second = Back(b.Average()),
            P = p,
            RankP = a.Length >= 4 && b.Length >= 4 ? MannWhitney.Test(a, b).P : null,
            FirstRepeats = a.Length,
            SecondRepeats = b.Length,
            Ratio = noise.IsShare ? null : new Estimate(Math.Exp(difference), half is { } h ? Math.Exp(difference - h) : null,
                half is { } g ? Math.Exp(difference + g) : null, a.Length + b.Length),
        };
    }
}
