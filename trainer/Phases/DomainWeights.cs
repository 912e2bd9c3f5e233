using System.Globalization;
using Btx.Model;

namespace Btx.Trainer.Phases;

/// <summary>Mixture weights of the domains, from a flag such as <c>novels=2,bible=1</c>.</summary>
public static class DomainWeights
{
    /// <param name="named">Entries <c>NAME=NUMBER</c>; a domain that is not named has the weight 1.</param>
    /// <param name="domains">Of the run.</param>
    /// <returns>By domain, summing to 1; null if none is named.</returns>
    /// <exception cref="BtxException">An unknown domain, one named twice, a value that is negative or no number, or a sum of 0.</exception>
    public static IReadOnlyList<double>? Parse(IReadOnlyList<string> named, IReadOnlyList<string> domains)
    {
        if (named.Count == 0) return null;
        var weights = domains.ToDictionary(d => d, _ => (double?)null, StringComparer.Ordinal);
        foreach (var entry in named)
        {
            var at = entry.LastIndexOf('=');
            var name = at < 0 ? entry : entry[..at];
            if (at < 0 || !double.TryParse(entry[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out var weight)
                || !double.IsFinite(weight) || weight < 0)
                throw new BtxException($"--weights: \"{BtxException.OneLine(entry)}\" is not NAME=NUMBER with a number of at least 0");
            if (!weights.TryGetValue(name, out var earlier))
                throw new BtxException($"--weights: \"{BtxException.OneLine(name)}\" is no domain of this run; it has "
                    + $"{string.Join(", ", domains)}");
            if (earlier is not null) throw new BtxException($"--weights: {name} is named twice");
            weights[name] = weight;
        }

        var sum = domains.Sum(d => weights[d] ?? 1);
        if (!(sum > 0) || !double.IsFinite(sum))
            throw new BtxException($"--weights: the weights of {string.Join(", ", domains)} sum to "
                + $"{sum.ToString(CultureInfo.InvariantCulture)}; at least one must be above 0");
        return [.. domains.Select(d => (weights[d] ?? 1) / sum)];
    }
}
