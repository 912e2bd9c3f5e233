using System.Globalization;

namespace Btx.Trainer.Phases;

/// <summary>How often a run goes over its text. Repeated text teaches less each time, and a small model of a small text learns it by
/// heart.</summary>
/// <param name="Weights">Share of the windows by source; null: each the same.</param>
public sealed record TextPasses(IReadOnlyList<(string Name, long Tokens)> Text, IReadOnlyList<double>? Weights)
{
    /// <summary>Passes that the default of <c>--tokens</c> does not exceed: docs/training.md shows where validation turns.</summary>
    public const double Sensible = 8;

    /// <summary>Passes from which on the user is warned.</summary>
    public const double Many = 10;

    /// <summary>Tokens of all the text.</summary>
    public long Tokens => Text.Sum(t => t.Tokens);

    /// <summary>The default budget: what suits the size of the network, and at most <see cref="Sensible"/> passes.</summary>
    public static long Budget(long usual, long text) => (long)Math.Clamp(Sensible * text, 1, usual);

    /// <summary>Passes over all the text.</summary>
    public double Of(long trained) => (double)trained / Math.Max(1, Tokens);

    /// <summary>What a run begins with, as lines; a source that is repeated often is named.</summary>
    public IEnumerable<string> Lines(TrainingOptions options, int context)
    {
        yield return $"text: {Quantity.WithUnit(Tokens, "tokens")}; {Quantity.WithUnit(options.Tokens, "tokens")} to train on are "
            + $"{Number(Of(options.Tokens))} passes; windows of {options.Sequence}, context {context} tokens: the longest prompt and "
            + "answer together (--context)";
        var often = Text.Select((t, i) => (t.Name, Passes: options.Tokens * Share(i) / Math.Max(1, t.Tokens)))
            .Where(t => t.Passes > Many).ToArray();
        if (often.Length == 0) yield break;
        var named = Text.Count == 1 ? $"{Number(Of(options.Tokens))} passes over the text"
            : string.Join(", ", often.Take(5).Select(t => $"{Number(t.Passes)} passes over {t.Name}"));
        yield return $"warning: {named}: past about {Number(Sensible)} the model learns its text by heart and gets worse on other text; "
            + $"give it more text or fewer --tokens{(options.Patience > 0 ? ", or leave it to the early stop" : "")}";
    }

    private double Share(int source) => Weights is null ? 1.0 / Text.Count : Weights[source] / Weights.Sum();

    private static string Number(double value) => value.ToString(value < 9.95 ? "0.0" : "0", CultureInfo.InvariantCulture);
}

/// <summary>Mixture weights of the domains, from a flag such as <c>novels=2,bible=1</c>.</summary>
public static class DomainWeights
{
    /// <param name="named">Entries <c>NAME=NUMBER</c>; a domain that is not named has the weight 1.</param>
    /// <returns>By domain, summing to 1; null if none is named.</returns>
    /// <exception cref="BtxException">An unknown domain, one named twice, a value that is negative or no number, or a sum of 0.</exception>
    public static IReadOnlyList<double>? Parse(IReadOnlyList<string> named, IReadOnlyList<string> domains)
    {
        if (named.Count == 0) return null;
        var weights = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var entry in named)
        {
            var at = entry.LastIndexOf('=');
            if (at < 0 || !double.TryParse(entry[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out var weight)
                || !double.IsFinite(weight) || weight < 0)
                throw new BtxException($"--weights: \"{BtxException.OneLine(entry)}\" is not NAME=NUMBER with a number of at least 0");
            var name = entry[..at];
            if (!domains.Contains(name))
                throw new BtxException($"--weights: \"{BtxException.OneLine(name)}\" is no domain of this run; it has "
                    + string.Join(", ", domains));
            if (!weights.TryAdd(name, weight)) throw new BtxException($"--weights: {name} is named twice");
        }

        var sum = domains.Sum(d => weights.GetValueOrDefault(d, 1));
        if (!(sum > 0) || !double.IsFinite(sum))
            throw new BtxException($"--weights: the weights of {string.Join(", ", domains)} sum to {sum}; at least one must be above 0");
        return [.. domains.Select(d => weights.GetValueOrDefault(d, 1) / sum)];
    }
}
