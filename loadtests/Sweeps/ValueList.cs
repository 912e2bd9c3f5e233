using System.Globalization;

namespace Btx.LoadTests.Sweeps;

/// <summary>Reads an axis' values from the command line.</summary>
internal static class ValueList
{
    /// <summary><c>1,2,8</c>, <c>1..4</c>, or both.</summary>
    /// <exception cref="LoadTestException">Not whole numbers of 1 or more, or a range that runs backwards.</exception>
    public static IReadOnlyList<int> Integers(string option, string text)
    {
        var values = new List<int>();
        foreach (var part in Words(option, text))
        {
            var ends = part.Split("..");
            if (ends.Length > 2 || !ends.All(e => int.TryParse(e, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
                throw Unreadable(option, text, "whole numbers such as 1,2,8 or 1..4");
            var (from, to) = (int.Parse(ends[0]), int.Parse(ends[^1]));
            if (from < 1 || to < from || to - from > 10_000)
                throw Unreadable(option, text, "whole numbers of 1 or more, a range from its smaller end");
            values.AddRange(Enumerable.Range(from, to - from + 1));
        }

        return [.. values.Distinct()];
    }

    /// <summary><c>0.5,1,2</c>: above 0.</summary>
    /// <exception cref="LoadTestException">Not such numbers.</exception>
    public static IReadOnlyList<double> Positive(string option, string text) =>
    [
        .. Words(option, text).Select(part => double.TryParse(part, NumberStyles.Float, CultureInfo.InvariantCulture, out var x) && x > 0
            && double.IsFinite(x) ? x : throw Unreadable(option, text, "numbers above 0, such as 0.5,1,2")).Distinct(),
    ];

    /// <summary>Separated by commas.</summary>
    /// <exception cref="LoadTestException">None, or an empty one.</exception>
    public static IReadOnlyList<string> Words(string option, string text)
    {
        string[] parts = [.. text.Split(',').Select(p => p.Trim())];
        return parts.Any(p => p.Length == 0) ? throw Unreadable(option, text, "values separated by commas") : [.. parts.Distinct()];
    }

    private static LoadTestException Unreadable(string option, string text, string expected) =>
        new($"{option} {text}: expected {expected}");
}
