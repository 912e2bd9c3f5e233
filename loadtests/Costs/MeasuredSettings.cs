using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>All repeats of one point.</summary>
public sealed class MeasuredSettings
{
    private MeasuredSettings(PointSettings settings, IReadOnlyList<PointResult> repeats) => (Settings, Repeats) = (settings, repeats);

    public PointSettings Settings { get; }

    public IReadOnlyList<PointResult> Repeats { get; }

    public string Name => Settings.Name;

    /// <summary>Experts a token: k of <c>top_k</c> and <c>moe</c>, all for <c>ensemble</c>; null for other modes.</summary>
    public int? K => Settings.Mode switch
    {
        "top_k" or "moe" => Settings.K,
        "ensemble" => Repeats[0].Experts is { } all and > 0 ? all : Settings.K,
        _ => null,
    };

    /// <summary>By settings, in the order of their first measurement. The reference point's measurements count only where nothing else was
    /// measured with its settings: it has far more of them.</summary>
    public static IReadOnlyList<MeasuredSettings> Group(IEnumerable<PointResult> points) =>
        [.. points.GroupBy(p => p.Settings.Name).Select(g => (All: g.ToArray(), Grid: g.Where(p => !p.Reference).ToArray()))
        .Select(g => new MeasuredSettings(g.All[0].Settings, g.Grid.Length > 0 ? g.Grid : g.All))];

    /// <summary>The metric's value of each repeat that has it.</summary>
    public double[] Values(CostMetric metric) => [.. Repeats.Select(metric.Of).OfType<double>().Where(double.IsFinite)];

    /// <summary>Median of the repeats with the smallest and the largest; null if none has it.</summary>
    public Estimate? Middle(CostMetric metric) => Range(Values(metric));

    /// <summary>The same of any figure of a point.</summary>
    public Estimate? Middle(Func<PointResult, double?> of) => Range([.. Repeats.Select(of).OfType<double>().Where(double.IsFinite)]);

    private static Estimate? Range(double[] values) => values.Length == 0 ? null
        : new Estimate(Median.Value(values), values.Min(), values.Max(), values.Length);
}
