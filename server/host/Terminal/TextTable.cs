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
