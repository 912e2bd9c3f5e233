using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>The machine's noise, from what was measured more than once.</summary>
public static class NoiseFigures
{
    /// <summary>Of every metric that some settings have two or more values of; both sources where both are there.</summary>
    public static IReadOnlyList<NoiseFigure> Of(IReadOnlyList<PointResult> points)
    {
        // Open loops near saturation scatter far more; what is fitted is closed.
        var closed = points.Any(p => p is { Reference: false, Settings.Load: "closed" });
        return [
        .. CostMetric.All.SelectMany(metric => new[]
        {
            Pooled(metric, points.Where(p => p.Reference), "reference"),
            Pooled(metric, points.Where(p => !p.Reference && (p.Settings.Load == "closed" || !closed)), "repeats"),
        }).OfType<NoiseFigure>(),
        ];
    }

    /// <summary>A metric's noise: the reference point's if it was measured three times or more, else that of
    /// all repeats; null if neither is known.</summary>
    public static NoiseFigure? Figure(this IReadOnlyList<NoiseFigure> noise, string metric) =>
        noise.Where(n => n.Metric == metric).OrderBy(n => n.Source != "reference" ? 1 : n.DegreesOfFreedom >= 2 ? 0 : 2).FirstOrDefault();

    /// <summary>Standard deviation of a metric's logarithm between measurements, of <see cref="Figure"/>; 0 if that is not known.</summary>
    public static double Relative(this IReadOnlyList<NoiseFigure> noise, string metric) => noise.Figure(metric)?.RelativeDeviation ?? 0;

    private static NoiseFigure? Pooled(CostMetric metric, IEnumerable<PointResult> points, string source)
    {
        double square = 0;
        var degrees = 0;
        foreach (var settings in points.GroupBy(p => p.Settings.Name))
        {
            double[] logs = [.. settings.Select(metric.Of).OfType<double>().Where(v => v > 0).Select(v => Math.Log(v))];
            if (logs.Length < 2) continue;
            var mean = logs.Average();
            square += logs.Sum(v => (v - mean) * (v - mean));
            degrees += logs.Length - 1;
        }

        return degrees == 0 ? null : new NoiseFigure(metric.Name, Math.Sqrt(square / degrees), degrees, source);
    }
}
