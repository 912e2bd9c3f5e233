using Btx.LoadTests.Records;

namespace Btx.LoadTests.Comparing;

/// <summary>Bits per byte, domain by domain. The same text gives the same figure: there is no noise, and no
/// p-value. Of other text nothing is said.</summary>
internal static class QualityChanges
{
    // What another order of sums can do to a figure.
    private const double Rounding = 0.0005;

    public static IEnumerable<Change> Of(QualityTable? first, QualityTable? second)
    {
        if (first is null || second is null) yield break;
        foreach (var (key, domains) in first.BitsPerByte.OrderBy(row => row.Key, StringComparer.Ordinal))
            foreach (var (domain, value) in domains.OrderBy(d => d.Key, StringComparer.Ordinal))
            {
                if (!second.BitsPerByte.TryGetValue(key, out var others) || !others.TryGetValue(domain, out var other)) continue;
                var ratio = other / value;
                yield return new Change
                {
                    Of = key,
                    Metric = $"bits per byte of {domain}",
                    Unit = "bits/byte",
                    First = value,
                    Second = other,
                    Ratio = new Estimate(ratio, ratio, ratio, 1),
                    FirstRepeats = 1,
                    SecondRepeats = 1,
                    Verdict = first.Source != second.Source ? Verdict.CannotTell
                        : Math.Abs(ratio - 1) <= Rounding ? Verdict.Same : ratio < 1 ? Verdict.Better : Verdict.Worse,
                };
            }
    }
}
