using System.Globalization;

namespace Btx.LoadTests.Load;

/// <summary>Reads <c>fixed:64</c> (or <c>64</c>), <c>uniform:16..128</c>, <c>lognormal:64,0.8[,512]</c>,
/// <c>empirical:FILE</c> (a whole number a line).</summary>
public static class LengthsReader
{
    public const string Forms = "fixed:N, uniform:A..B, lognormal:MEDIAN,SIGMA[,MAX] or empirical:FILE";
    private const int Longest = 1 << 20;

    /// <exception cref="LoadTestException">None of these, or a number out of range.</exception>
    public static ILengths Read(string option, string text)
    {
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _)) text = $"fixed:{text}";
        var spec = new Specification(option, text, Forms);
        switch (spec.Kind)
        {
            case "fixed" when spec.Has(1):
                return new FixedLength(spec.Whole(0, "tokens", 1));
            case "uniform" when spec.Has(1):
                var ends = spec.Part(0).Split("..");
                if (ends.Length != 2 || !int.TryParse(ends[0], NumberStyles.None, null, out var from)
                    || !int.TryParse(ends[1], NumberStyles.None, null, out var to))
                    throw spec.Unknown();
                return from >= 1 && from <= to ? new UniformLength(from, to) : throw spec.Fault("expected A..B with 1 <= A <= B");
            case "lognormal" when spec.Has(2) || spec.Has(3):
                var (median, sigma) = (spec.Number(0, "median", 0), spec.Number(1, "sigma", 0, orEqual: true));
                var max = spec.Has(3) ? spec.Whole(2, "longest", 1) : (int)Math.Min(Longest, Math.Ceiling(median * Math.Exp(4 * sigma)));
                return max >= median ? new LognormalLength(median, sigma, max)
                    : throw spec.Fault($"the longest, {max}, is below the median");
            case "empirical" when spec.Has(1):
                return new EmpiricalLength(spec.Part(0), Seen(spec.Part(0)));
            default:
                throw spec.Unknown();
        }
    }

    private static int[] Seen(string path)
    {
        var lines = TraceFile.ReadLines(path);
        var seen = new List<int>();
        for (var i = 0; i < lines.Length; i++)
        {
            if (string.IsNullOrWhiteSpace(lines[i])) continue;
            seen.Add(int.TryParse(lines[i].Trim(), NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is > 0 and <= Longest
                ? n : throw new LoadTestException($"{path}, line {i + 1}: \"{lines[i]}\"; expected a length in tokens, 1 or more"));
        }

        return seen.Count > 0 ? [.. seen] : throw new LoadTestException($"{path} holds no length");
    }
}
