using System.Globalization;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Sweeps;

/// <summary>The open loops of a load curve, from what the closed loops gave: a rate at which a server saturates
/// cannot be named before it is measured.</summary>
internal static class CurveRates
{
    /// <summary>Reads <c>0.5,2</c> and <c>50%,110%</c>, in one list.</summary>
    /// <returns>Requests a second; shares, 1 for 100 %.</returns>
    /// <exception cref="LoadTestException">Not such numbers.</exception>
    public static (IReadOnlyList<double> Rates, IReadOnlyList<double> Shares) Read(string option, string text)
    {
        string[] words = [.. ValueList.Words(option, text)], shares = [.. words.Where(w => w.EndsWith('%'))],
            rates = [.. words.Where(w => !w.EndsWith('%'))];
        return (rates.Length == 0 ? [] : ValueList.Positive(option, string.Join(',', rates)),
            shares.Length == 0 ? [] : [.. ValueList.Positive(option, string.Join(',', shares.Select(s => s[..^1]))).Select(s => s / 100)]);
    }

    /// <param name="measured">Closed loops among them, all that the sweep has.</param>
    /// <returns>For each settings, loads apart: its highest median request rate over the closed loops, times each share.</returns>
    public static IReadOnlyList<PointSettings> Points(IEnumerable<PointResult> measured, Grid grid) =>
    [
        .. measured
            .Where(p => p.Settings.Load == "closed" && !p.Reference && grid.HasRates(p.Settings.Mode, p.Settings.K))
            .GroupBy(p => (p.Settings with { Concurrency = null }).Name)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .SelectMany(group =>
            {
                var capacity = group.GroupBy(p => p.Settings.Concurrency)
                    .Max(g => Quantile.Value([.. g.Select(p => p.Summary.RequestsPerSecond).Order()], 0.5));
                return grid.RateShares.Select(share => group.First().Settings with { Load = "open", Concurrency = null,
                    Rate = Rounded(capacity * share) }).Where(s => s.Rate > 0).DistinctBy(s => s.Rate);
            }),
    ];

    // Three digits: a name that people can read.
    private static double Rounded(double rate) =>
        double.Parse(rate.ToString("G3", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
