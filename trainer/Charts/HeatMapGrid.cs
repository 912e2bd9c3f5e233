using System.Globalization;
using Btx.Model.Files;

namespace Btx.Trainer.Charts;

/// <summary>Several tables of numbers with the same rows and columns as coloured cells, panel beside panel, on one colour
/// scale, as a self-contained SVG picture.</summary>
/// <param name="Title">Headline.</param>
/// <param name="Rows">Names of the rows, from the top.</param>
/// <param name="Columns">Names of the columns, from the left.</param>
/// <param name="Panels">Name and [row, column] of each; a value that is not finite is drawn as an empty cell.</param>
public sealed record HeatMapGrid(string Title, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns,
    IReadOnlyList<(string Name, double[,] Values)> Panels)
{
    private const double CellWidth = 38, CellHeight = 24, Top = 52, Gap = 30, Widest = 1200, Small = 11.5;

    /// <summary>What the numbers are, under the colour scale.</summary>
    public string Caption { get; init; } = "";

    /// <summary>.NET format of the printed values.</summary>
    public string Format { get; init; } = "F0";

    /// <summary>The value of the light end.</summary>
    public double Least { get; init; }

    /// <summary>The value of the dark end.</summary>
    public double Most { get; init; } = 1;

    /// <summary>The picture as SVG.</summary>
    /// <exception cref="ArgumentException">The values of a panel do not fit the names.</exception>
    public string ToSvg()
    {
        foreach (var (name, values) in Panels)
        {
            if (values.GetLength(0) != Rows.Count || values.GetLength(1) != Columns.Count)
                throw new ArgumentException($"panel {name}: {values.GetLength(0)} x {values.GetLength(1)} values for {Rows.Count} rows "
                    + $"and {Columns.Count} columns",
                    nameof(Panels));
        }

        var left = 30 + Rows.Select(r => SvgText.WidthOf(r, 12)).DefaultIfEmpty(0).Max();
        var longest = Columns.Select(c => SvgText.WidthOf(c, Small)).DefaultIfEmpty(0).Max();
        var slanted = longest > CellWidth - 4;
        double heads = 24 + (slanted ? 12 + (longest * 0.72) : 20), overhang = slanted
            ? Math.Max(0, (longest * 0.72) - (CellWidth / 2)) : 0;
        double grid = Columns.Count * CellWidth, panelWidth = grid + Math.Max(Gap, overhang + 8),
            panelHeight = heads + (Rows.Count * CellHeight) + 14;
        var across = Math.Clamp((int)((Widest - left) / panelWidth), 1, Math.Max(1, Panels.Count));
        var down = (Panels.Count + across - 1) / across;
        var width = Math.Max(left + (across * panelWidth) + 6, Math.Max(SvgText.WidthOf(Title, 17), SvgText.WidthOf(Caption, Small)) + 40);
        var svg = new SvgText(width, Top + (down * panelHeight) + 66, Title);
        svg.Write(20, 32, Title, 17, bold: true);
        for (var p = 0; p < Panels.Count; p++)
            Draw(svg, left + (p % across * panelWidth), Top + (p / across * panelHeight), heads, slanted, Panels[p], p % across == 0);
        WriteScale(svg, Top + (down * panelHeight) + 8);
        return svg.ToString();
    }

    /// <summary>Writes the picture, whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToSvg());

    private void Draw(SvgText svg, double left, double top, double heads, bool slanted, (string Name, double[,] Values) panel, bool named)
    {
        svg.Write(left + 1, top + 12, panel.Name, 12.5, bold: true);
        for (var c = 0; c < Columns.Count; c++)
        {
            var x = left + ((c + 0.5) * CellWidth);
            if (slanted) svg.Write(x, top + heads - 6, Columns[c], Small, SvgText.Muted, rotate: -45);
            else svg.Write(x, top + heads - 6, Columns[c], Small, SvgText.Muted, "middle");
        }

        for (var r = 0; r < Rows.Count; r++)
        {
            var y = top + heads + (r * CellHeight);
            if (named) svg.Write(left - 8, y + (CellHeight / 2) + 4, Rows[r], 12, anchor: "end");
            var best = Enumerable.Range(0, Columns.Count).Select(c => panel.Values[r, c]).Where(double.IsFinite).DefaultIfEmpty(0).Max();
            for (var c = 0; c < Columns.Count; c++)
            {
                var (x, value) = (left + (c * CellWidth), panel.Values[r, c]);
                if (!double.IsFinite(value))
                {
                    svg.Rectangle(x + 1, y + 1, CellWidth - 2, CellHeight - 2, "#f1f3f5", 3);
                    continue;
                }

                var shade = (value - Least) / (Most - Least);
                svg.Rectangle(x + 1, y + 1, CellWidth - 2, CellHeight - 2, ColourRamp.At(shade), 3);
                svg.Write(x + (CellWidth / 2), y + (CellHeight / 2) + 4, value.ToString(Format, CultureInfo.InvariantCulture), 11.5,
                    ColourRamp.Ink(shade), "middle", bold: value == best);
            }
        }
    }

    private void WriteScale(SvgText svg, double y)
    {
        const int steps = 60;
        const double length = 240, left = 20;
        for (var i = 0; i < steps; i++)
            svg.Rectangle(left + (length * i / steps), y, (length / steps) + 0.5, 10, ColourRamp.At((i + 0.5) / steps));
        svg.Write(left, y + 25, Least.ToString(Format, CultureInfo.InvariantCulture), Small, SvgText.Muted);
        svg.Write(left + length, y + 25, Most.ToString(Format, CultureInfo.InvariantCulture), Small, SvgText.Muted, "end");
        svg.Write(left, y + 43, Caption, Small, SvgText.Muted);
    }
}
