namespace Btx.Cli;

/// <summary>Rows in columns as wide as they need, two blanks apart.</summary>
public static class TextTable
{
    /// <param name="rows">The first names the columns.</param>
    /// <param name="figuresFrom">From this column on they are set to the right.</param>
    public static IEnumerable<string> Lines(IReadOnlyList<IReadOnlyList<string>> rows, int figuresFrom = int.MaxValue)
    {
        int[] widths = [.. rows[0].Select((_, c) => rows.Max(row => row[c].Length))];
        return rows.Select(row => string.Join("  ",
            row.Select((cell, c) => c < figuresFrom ? cell.PadRight(widths[c]) : cell.PadLeft(widths[c]))).TrimEnd());
    }
}
