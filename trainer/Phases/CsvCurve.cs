namespace Btx.Trainer.Phases;

/// <summary>Figures of a run over its steps, kept as CSV beside it.</summary>
/// <param name="line">A row as its cells, in the header's order.</param>
/// <param name="parse">A row of its cells as numbers: null where a cell is empty, NaN where it is none. Null: it is no such row.</param>
/// <param name="step">Finished steps at a row.</param>
public sealed class CsvCurve<TRow>(string path, string header, Func<TRow, string> line, Func<double?[], TRow?> parse, Func<TRow, long> step)
    where TRow : class
{
    public List<TRow> Rows { get; } = [];

    /// <summary>Reads the rows up to <paramref name="last"/>; later ones belong to steps that are done again.</summary>
    /// <exception cref="BtxException">A line is no row.</exception>
    public void Load(long last)
    {
        Rows.Clear();
        if (!File.Exists(path)) return;
        Rows.AddRange(File.ReadLines(path).Skip(1).Select(text => parse([.. text.Split(',').Select(Number)])
            ?? throw new BtxException($"{path}: \"{BtxException.OneLine(text)}\" is not a row of this curve; delete the file"))
            .Where(row => step(row) <= last));
    }

    public void Save() => AtomicFile.WriteText(path, $"{header}\n{string.Concat(Rows.Select(row => line(row) + "\n"))}");

    private static double? Number(string cell) => cell.Length == 0 ? null : double.TryParse(cell, out var number) ? number : double.NaN;
}
