namespace Btx.Cli;

/// <summary>Rows in columns as wide as they need, two blanks apart.</summary>
public static class TextTable
{
    /// <param name="figuresFrom">From this column on they are set to the right.</param>
    public static IEnumerable<string> Lines(string[] header, IEnumerable<string[]> rows, int figuresFrom = int.MaxValue)
    {
        string[][] all = [header, .. rows];
        int[] widths = [.. header.Select((_, c) => all.Max(row => row[c].Length))];
        return all.Select(row => string.Join("  ",
            row.Select((cell, c) => c < figuresFrom ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).TrimEnd());
    }
}
