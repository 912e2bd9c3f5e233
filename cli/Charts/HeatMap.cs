using System.Globalization;

namespace Btx.Cli.Charts;

/// <summary>Tables of numbers with the same rows and columns as coloured cells with the values printed, panel beside panel, as a
/// self-contained SVG picture. The best of each row is set bold; its colours are dark.</summary>
/// <param name="Name">File name without its ending.</param>
/// <param name="Rows">From the top.</param>
/// <param name="Columns">From the left.</param>
/// <param name="Panels">Name and [row, column] of each; a value that is not finite is an empty cell.</param>
public sealed record HeatMap(string Name, string Title, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns,
    IReadOnlyList<(string Name, double[,] Values)> Panels)
{
    private const double CellHeight = 24, Side = 18, Gap = 30, Widest = 1200;

    // Light to dark, even in lightness (after ColorBrewer's YlGnBu), so that it also reads in grey.
    private static readonly (int R, int G, int B)[] Ramp =
        [(255, 255, 229), (217, 240, 200), (144, 208, 188), (74, 168, 192), (40, 110, 176), (28, 52, 120)];

    /// <summary>What the numbers are, with their unit.</summary>
    public string Caption { get; init; } = "";

    /// <summary>.NET format of the printed values.</summary>
    public string Format { get; init; } = "F2";

    /// <summary>Whether a small value is the good one.</summary>
    public bool LowerIsBetter { get; init; }

    /// <summary>The values of the ends of the colours; null: spread over each row for itself, where rows are not comparable.</summary>
    public (double Least, double Most)? Range { get; init; }

    /// <exception cref="ArgumentException">The values of a panel do not fit the names.</exception>
    public string ToSvg()
    {
        foreach (var (name, values) in Panels)
            if (values.GetLength(0) != Rows.Count || values.GetLength(1) != Columns.Count)
                throw new ArgumentException($"panel {name}: {values.GetLength(0)} x {values.GetLength(1)} values for {Rows.Count} rows and "
                    + $"{Columns.Count} columns");

        double longest = Longest(Columns), left = Side + Longest(Rows) + 8;
        var cell = Longest(Panels.SelectMany(p => p.Values.Cast<double>()).Select(Shown)) + 14;
        var slanted = longest > cell - 4;
        var heads = (slanted ? longest * 0.72 : 8) + (Panels.Any(p => p.Name.Length > 0) ? 34 : 12);
        var panelHeight = heads + (Rows.Count * CellHeight) + 14;
        var panelWidth = (Columns.Count * cell) + Math.Max(Gap, slanted ? (longest * 0.72) - (cell / 2) + 8 : 0);
        var across = Math.Clamp((int)((Widest - left) / panelWidth), 1, Math.Max(1, Panels.Count));
        var width = Math.Max(left + (across * panelWidth) + 6, 480);
        var svg = new Svg();
        var top = ChartPicture.Heading(svg, Title, Caption, width) + 12;
        for (var p = 0; p < Panels.Count; p++)
        {
            var (x, y) = (left + (p % across * panelWidth), top + (p / across * panelHeight));
            if (Panels[p].Name.Length > 0) svg.Text("name", x, y + 12, Panels[p].Name);
            for (var c = 0; c < Columns.Count; c++)
                svg.Text(slanted ? "column" : "column cell", x + ((c + 0.5) * cell), y + heads - 6, Columns[c], turn: slanted ? -45 : 0);
            for (var r = 0; r < Rows.Count; r++)
            {
                if (p % across == 0) svg.Text("row", x - 8, y + heads + ((r + 0.5) * CellHeight) + 4, Rows[r]);
                Cells(svg, x, y + heads + (r * CellHeight), cell, [.. Columns.Select((_, c) => Panels[p].Values[r, c])]);
            }
        }

        var bottom = top + ((Panels.Count + across - 1) / across * panelHeight) + 4;
        for (var i = 0.5; i < 24; i++) svg.Rectangle("cell", Side + (10 * i) - 5, bottom, 10, 10,
            Colour((LowerIsBetter ? 24 - i : i) / 24));
        svg.Text("least", Side, bottom + 25, Range is { } range ? Shown(range.Least) : "least of the row");
        svg.Text("end", Side + 240, bottom + 25, Range is { } ends ? Shown(ends.Most) : "most");
        var description = $"{Caption}. Rows: {string.Join(", ", Rows)}. Columns: {string.Join(", ", Columns)}.";
        return svg.ToSvg(Name, Title, description, width, bottom + 42);
    }

    private void Cells(Svg svg, double x, double y, double cell, double[] values)
    {
        double[] finite = [.. values.Where(double.IsFinite).DefaultIfEmpty(0)];
        var (least, most) = Range ?? (finite.Min(), finite.Max());
        var best = LowerIsBetter ? finite.Min() : finite.Max();
        for (var c = 0; c < values.Length; c++, x += cell)
        {
            var share = most > least ? (values[c] - least) / (most - least) : 0.5;
            var shade = LowerIsBetter ? 1 - share : share;
            var known = double.IsFinite(values[c]);
            svg.Rectangle(known ? "cell" : "void", x + 1, y + 1, cell - 2, CellHeight - 2, known ? Colour(shade) : null);
            var kind = $"cell {(shade > 0.7 ? "on-deep" : "on-pale")}{(values[c] == best ? " best" : "")}";
            if (known) svg.Text(kind, x + (cell / 2), y + (CellHeight / 2) + 4, Shown(values[c]));
        }
    }

    private string Shown(double value) => value.ToString(Format, CultureInfo.InvariantCulture);

    private static double Longest(IEnumerable<string> texts) => texts.Select(t => TextWidth.Of(t, Svg.Small)).DefaultIfEmpty(0).Max();

    /// <param name="shade">0, light, to 1, dark.</param>
    private static string Colour(double shade)
    {
        var at = Math.Clamp(shade, 0, 1) * (Ramp.Length - 1);
        var i = Math.Min((int)at, Ramp.Length - 2);
        int Mix(int from, int to) => (int)Math.Round(from + ((to - from) * (at - i)));
        return $"#{Mix(Ramp[i].R, Ramp[i + 1].R):x2}{Mix(Ramp[i].G, Ramp[i + 1].G):x2}{Mix(Ramp[i].B, Ramp[i + 1].B):x2}";
    }
}
