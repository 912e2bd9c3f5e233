using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>How likely a request uses each expert.</summary>
internal static class ExpertUse
{
    /// <summary>Its domain's own expert, and the other k - 1 evenly among the rest. The sum is k.</summary>
    public static double[] Of(double[] shares, int k)
    {
        var others = shares.Length - 1;
        return [.. shares.Select(p => p + (others > 0 ? (1 - p) * (k - 1) / others : 0))];
    }

    /// <summary>Expected distinct experts of so many requests that choose independently.</summary>
    /// <param name="use">Chance of each expert.</param>
    public static double Distinct(IEnumerable<double> use, double requests) =>
        use.Sum(q => UnionFitting.Formula(1, Math.Min(1, q), requests));
}
