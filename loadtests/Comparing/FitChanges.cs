using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;
using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Comparing;

/// <summary>Coefficients of the cost lines that both runs have.</summary>
internal static class FitChanges
{
    public static IEnumerable<Change> Of(CostAnalysis first, CostAnalysis second)
    {
        foreach (var line in first.Lines)
        {
            if (second.Lines.FirstOrDefault(l =>
                l.Form == line.Form && l.Where == line.Where && l.Quantity == line.Quantity) is not { } other)
                continue;
            var of = $"{line.Form}, {line.Where}, {line.Quantity}";
            var names = line.Form == CostLine.Forest ? ("a", "b") : ("A", "F");
            yield return Compare(of, names.Item1, line.Fit.Intercept, other.Fit.Intercept);
            yield return Compare(of, names.Item2, line.Fit.Slope, other.Fit.Slope);
        }
    }

    internal static Change Compare(string of, string name, Estimate first, Estimate second)
    {
        var (a, b) = (Error(first), Error(second));
        var degrees = first.Count + second.Count - 4;
        double? p = null;
        Estimate? ratio = null;
        if (degrees > 0 && a is { } ea && b is { } eb)
        {
            var error = Math.Sqrt((ea * ea) + (eb * eb));
            p = first.Value == second.Value ? 1
                : error == 0 ? 0 : 2 * StudentT.CDF(0, 1, degrees, -Math.Abs((second.Value - first.Value) / error));
            if (first.Value > 4 * ea && second.Value > 4 * eb)
            {
                var half = StudentT.InvCDF(0, 1, degrees, 0.975) * Math.Sqrt(Math.Pow(ea / first.Value, 2) + Math.Pow(eb / second.Value, 2));
                var value = second.Value / first.Value;
                ratio = new Estimate(value, value * Math.Exp(-half), value * Math.Exp(half), first.Count + second.Count);
            }
        }

        return new Change
        {
            Of = of,
            Metric = name,
            Unit = "s",
            First = first.Value,
            Second = second.Value,
            Ratio = ratio,
            P = p,
            FirstRepeats = first.Count,
            SecondRepeats = second.Count
        };
    }

    // The interval of a line's coefficient is Student's with two degrees less than values.
    private static double? Error(Estimate e) => e is { High: { } high, Count: > 2 }
        ? (high - e.Value) / StudentT.InvCDF(0, 1, e.Count - 2, 0.975) : null;
}
