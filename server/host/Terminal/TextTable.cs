using System.Globalization;

namespace Btx.Server.Terminal;

/// <summary>Rows in columns as wide as they need, two blanks apart; the last column is not padded.</summary>
internal static class TextTable
{
    public static IEnumerable<string> Lines(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        IReadOnlyList<string>[] all = [header, .. rows];
        int[] widths = [.. header.Select((_, c) => all.Max(row => row[c].Length))];
        foreach (var row in all)
            yield return string.Join("  ", row.Select((cell, c) => c == row.Count - 1 ? cell : cell.PadRight(widths[c]))).TrimEnd();
    }
}

/// <summary>Numbers as a person reads them.</summary>
internal static class Figures
{
    /// <summary><c>950 B</c>, <c>12.3 kB</c>, <c>4.6 MB</c>, <c>1.2 GB</c>; powers of 1000.</summary>
    public static string Bytes(long bytes) => bytes < 1000 ? $"{bytes} B" : Scaled(bytes, "B");

    /// <summary><c>950</c>, <c>12.3 k</c>, <c>4.6 M</c>.</summary>
    public static string Count(long count) => count < 1000 ? $"{count}" : Scaled(count, "");

    /// <summary><c>0.8 ms</c>, <c>12 ms</c>, <c>1.4 s</c>, <c>2 min 5 s</c>.</summary>
    public static string Duration(double seconds) => seconds switch
    {
        < 0.01 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0.#} ms"),
        < 1 => string.Create(CultureInfo.InvariantCulture, $"{seconds * 1000:0} ms"),
        < 60 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} s"),
        _ => $"{(long)seconds / 60} min {(long)seconds % 60} s",
    };

    public static string Share(double share) => share is > 0 and < 0.00005 ? "<0.0001"
        : share.ToString("0.0000", CultureInfo.InvariantCulture);

    private static string Scaled(double value, string unit)
    {
        var (scaled, prefix) = value switch { >= 1e9 => (value / 1e9, "G"), >= 1e6 => (value / 1e6, "M"), _ => (value / 1e3, "k") };
        return string.Create(CultureInfo.InvariantCulture, $"{scaled:0.0} {prefix}{unit}");
    }
}
