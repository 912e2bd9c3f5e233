using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Report;

/// <summary>All repeats of the same settings.</summary>
public sealed record Measurement(PointSettings Settings, IReadOnlyList<PointResult> Repeats)
{
    public string Name => Settings.Name;

    /// <summary>In the order of the settings' names, k by value.</summary>
    public static IReadOnlyList<Measurement> Group(IEnumerable<PointResult> points) =>
    [
        .. points.GroupBy(p => p.Settings.Name, StringComparer.Ordinal)
            .Select(g => new Measurement(g.First().Settings, [.. g.OrderBy(p => p.Order)]))
            .OrderBy(m => Modes.Rank(m.Settings.Mode)).ThenBy(m => m.Settings.Mode, StringComparer.Ordinal).ThenBy(m => m.Settings.K)
            .ThenBy(m => m.Settings.Concurrency).ThenBy(m => m.Settings.Rate)
            .ThenBy(m => m.Name, StringComparer.Ordinal),
    ];

    /// <summary>The median of the repeats between the least and the most; of a single one, its own interval.
    /// Null where no repeat has the figure.</summary>
    public Estimate? Of(Func<LoadSummary, Estimate?> figure)
    {
        Estimate[] values = [.. Repeats.Select(p => figure(p.Summary)).OfType<Estimate>().Where(e => double.IsFinite(e.Value))];
        if (values.Length < 2) return values.FirstOrDefault();
        return new(Median.Value(values.Select(v => v.Value)), values.Min(v => v.Value), values.Max(v => v.Value), values.Length);
    }

    /// <inheritdoc cref="Of(Func{LoadSummary, Estimate})"/>
    public Estimate? Of(Func<LoadSummary, double?> figure) => Of(s => figure(s) is { } value ? new Estimate(value, null, null, 1) : null);

    public int Requests => Repeats.Sum(p => p.Summary.Requests);

    public int Failed => Repeats.Sum(p => p.Summary.Failed);
}
