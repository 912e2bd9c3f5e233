using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

/// <summary>The formulas of the posterior and the mixture written out over exact fractions, straight from their definitions.</summary>
internal static class ExactMixture
{
    /// <summary>The weights for the token after <paramref name="text"/>. <paramref name="text"/>[s][j]
    /// is expert j's probability of token s.</summary>
    public static Rational[] Weights(Rational[] prior, IReadOnlyList<Rational[]> text, PosteriorKind kind, Rational rate)
    {
        var w = (Rational[])prior.Clone();
        switch (kind)
        {
            case PosteriorKind.FullPrefix:
                foreach (var p in text) w = [.. w.Zip(p, (a, b) => a * b)];
                return Normalise(w, prior);
            case PosteriorKind.LastToken:
                return text.Count == 0 ? w : Normalise([.. w.Zip(text[^1], (a, b) => a * b)], prior);
            case PosteriorKind.Fixed:
                return w;
            case PosteriorKind.Switching:
                var keep = new Rational(rate.Denominator - rate.Numerator, rate.Denominator);
                foreach (var p in text)
                    w = [.. Normalise([.. w.Zip(p, (a, b) => a * b)], w).Zip(prior, (bayes, pi) => (keep * bayes) + (rate * pi))];
                return w;
            default:
                throw new ArgumentOutOfRangeException(nameof(kind), kind, "has no exact formula here");
        }
    }

    public static Rational[] Restrict(Rational[] weights, bool[] active)
    {
        var kept = weights.Select((w, j) => active[j] ? w : Rational.Zero).ToArray();
        return Normalise(kept, kept);
    }

    /// <summary>The k largest, ties to the lower index.</summary>
    public static bool[] TopK(Rational[] weights, int k)
    {
        var order = Enumerable.Range(0, weights.Length).OrderByDescending(j => weights[j], Comparer<Rational>.Create((
            a, b) => (a.Numerator * b.Denominator).CompareTo(b.Numerator * a.Denominator))).ThenBy(j => j).Take(k).ToArray();
        return [.. Enumerable.Range(0, weights.Length).Select(j => order.Contains(j))];
    }

    // If every expert gives probability 0, nothing was learned: the fallback stays.
    private static Rational[] Normalise(Rational[] w, Rational[] fallback)
    {
        var sum = w.Aggregate(Rational.Zero, (a, b) => a + b);
        return sum.IsZero ? fallback : [.. w.Select(x => x / sum)];
    }
}
