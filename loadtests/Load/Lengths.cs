using System.Globalization;

namespace Btx.LoadTests.Load;

/// <summary>A distribution of lengths in tokens, each at least 1.</summary>
public sealed record Lengths(string Text, int Max, double Median, Lengths.Drawing Draw)
{
    public const string Forms = "fixed:N, uniform:A..B, lognormal:MEDIAN,SIGMA[,MAX] or empirical:FILE";
    private const int Longest = 1 << 20;

    public delegate int Drawing(ref RandomStream draws);

    public static Lengths Fixed(int tokens) => new($"fixed:{tokens}", tokens, tokens, (ref RandomStream _) => tokens);

    public static Lengths Uniform(int from, int to) =>
        new($"uniform:{from}..{to}", to, (from + to) / 2.0, (ref RandomStream draws) => from + draws.Below(to - from + 1));

    /// <summary>Exp of a normal: few long ones among many short ones. What is longer than <paramref name="max"/> is drawn again.</summary>
    public static Lengths Lognormal(double median, double sigma, int max) =>
        new(FormattableString.Invariant($"lognormal:{median},{sigma},{max}"), max, median, (ref RandomStream draws) =>
        {
            while (true)
            {
                var length = Math.Max(1, Math.Round(median * Math.Exp(sigma * draws.Normal())));
                if (length <= max) return (int)length;
            }
        });

    /// <summary>Lengths that were seen, each as often as it was: a whole number a line.</summary>
    public static Lengths Empirical(string file)
    {
        int[] seen = [.. RunJson.ReadText(file).Select((line, i) => (Line: line, At: i + 1)).Where(l => !string.IsNullOrWhiteSpace(l.Line))
            .Select(l => int.TryParse(l.Line.Trim(), NumberStyles.None, null, out var n) && n is > 0 and <= Longest ? n
                : throw new LoadTestException($"{file}, line {l.At}: \"{l.Line}\"; expected a length in tokens, 1 or more"))];
        return seen.Length == 0 ? throw new LoadTestException($"{file} holds no length")
            : new($"empirical:{file}", seen.Max(), seen.Order().ElementAt(seen.Length / 2),
                (ref RandomStream draws) => seen[draws.Below(seen.Length)]);
    }

    /// <summary>One of <see cref="Forms"/>, or a number for fixed.</summary>
    public static Lengths Read(string option, string text)
    {
        if (int.TryParse(text, NumberStyles.None, null, out _)) text = $"fixed:{text}";
        var spec = new Specification(option, text, Forms);
        return spec.Kind switch
        {
            "fixed" when spec.Has(1) => Fixed(spec.Whole(0, "tokens", 1)),
            "uniform" when spec.Has(1) && spec.Part(0).Split("..") is [var first, var last]
                && int.TryParse(first, NumberStyles.None, null, out var from) && int.TryParse(last, NumberStyles.None, null, out var to) =>
                from >= 1 && from <= to ? Uniform(from, to) : throw spec.Error("expected A..B with 1 <= A <= B"),
            "lognormal" when spec.Has(2) || spec.Has(3) => Lognormal(spec),
            "empirical" when spec.Has(1) => Empirical(spec.Part(0)),
            _ => throw spec.Unknown(),
        };
    }

    private static Lengths Lognormal(Specification spec)
    {
        var (median, sigma) = (spec.Number(0, "median", 0), spec.Number(1, "sigma", 0, orEqual: true));
        var max = spec.Has(3) ? spec.Whole(2, "longest", 1) : (int)Math.Min(Longest, Math.Ceiling(median * Math.Exp(4 * sigma)));
        return max >= median ? Lognormal(median, sigma, max) : throw spec.Error($"the longest, {max}, is below the median");
    }
}

/// <summary>An option's value of the form <c>kind:part,part</c>.</summary>
internal sealed class Specification(string option, string text, string forms)
{
    private readonly string[] _parts = text.Split(':', 2) is [_, var parts] ? parts.Split(',') : [];

    public string Kind { get; } = text.Split(':', 2)[0];

    /// <summary>Reads <c>name=number,name=number</c>: numbers above 0, in their order.</summary>
    /// <param name="usual">Of a name alone.</param>
    public static IReadOnlyDictionary<string, double> Numbers(string option, string text, IReadOnlyCollection<string> names,
        string usual = "")
    {
        var numbers = new OrderedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var part in text.Split(','))
        {
            var (name, said) = part.Split('=', 2) is [var before, var after] ? (before.Trim(), after) : (part.Trim(), usual);
            if (!names.Contains(name))
                throw new LoadTestException($"{option} {text}: there is no \"{name}\"; there are {string.Join(", ", names)}");
            if (!(double.TryParse(said, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number) && number > 0))
                throw new LoadTestException($"{option} {text}: {name} is \"{said}\"; expected a number above 0");
            if (!numbers.TryAdd(name, number)) throw new LoadTestException($"{option} {text}: {name} is named twice");
        }

        return numbers;
    }

    public bool Has(int parts) => _parts.Length == parts;

    public string Part(int index) => _parts[index].Length > 0 ? _parts[index] : throw Unknown();

    public int Whole(int index, string what, int least, int most = int.MaxValue) =>
        int.TryParse(_parts[index], NumberStyles.None, null, out var n) && n >= least && n <= most ? n
        : throw Error($"{what}: \"{_parts[index]}\" is not a whole number from {least} {(most < int.MaxValue ? $"to {most}" : "on")}");

    public double Number(int index, string what, double above, bool orEqual = false) =>
        double.TryParse(_parts[index], CultureInfo.InvariantCulture, out var x) && double.IsFinite(x)
        && (x > above || (orEqual && x == above)) ? x
        : throw Error($"{what}: \"{_parts[index]}\" is not a number {(orEqual ? "from" : "above")} {above}{(orEqual ? " on" : "")}");

    public LoadTestException Unknown() => Error($"expected {forms}");

    public LoadTestException Error(string what) => new($"{option} {text}: {what}");
}
