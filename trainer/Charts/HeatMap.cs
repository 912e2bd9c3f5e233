using System.Globalization;
using Btx.Model.Files;

namespace Btx.Trainer.Charts;

/// <summary>A table of numbers as coloured cells with the values printed, as a self-contained SVG picture.</summary>
/// <param name="Title">Headline.</param>
/// <param name="Rows">Names of the rows, from the top.</param>
/// <param name="Columns">Names of the columns, from the left.</param>
/// <param name="Values">[row, column]; a value that is not finite is drawn as an empty cell.</param>
public sealed record HeatMap(string Title, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, double[,] Values)
{
    private const double CellHeight = 28, Top = 56, Small = 11.5;

    /// <summary>What the numbers are, with their unit, under the colour scale: <c>bits per byte</c>.</summary>
    public string Unit { get; init; } = "";

    /// <summary>.NET format of the printed values.</summary>
    public string Format { get; init; } = "F2";

    /// <summary>Whether a small value is the good one: its colour is then the dark end, and the best of each row is set bold.</summary>
    public bool LowerIsBetter { get; init; } = true;

    /// <summary>Whether colours are spread over each row for itself, where rows are not comparable; else over the whole table.</summary>
    public bool ScalePerRow { get; init; }

    /// <summary>The picture as SVG.</summary>
    /// <exception cref="ArgumentException">The values do not fit the names.</exception>
    public string ToSvg()
    {
        if (Values.GetLength(0) != Rows.Count || Values.GetLength(1) != Columns.Count)
            throw new ArgumentException($"{Values.GetLength(0)} x {Values.GetLength(1)} values for "
                + $"{Rows.Count} rows and {Columns.Count} columns",
                nameof(Values));
        var longest = Columns.Select(c => SvgText.WidthOf(c, 12)).DefaultIfEmpty(0).Max();
        var left = 28 + Rows.Select(r => SvgText.WidthOf(r, 12.5)).DefaultIfEmpty(0).Max();
        const double cellWidth = 62;
        var slanted = longest > cellWidth - 8;
        var heads = slanted ? 14 + (longest * 0.72) : 22;
        var gridTop = Top + heads;
        var overhang = slanted ? longest * 0.72 : 0;
        var width = Math.Max(left + (Columns.Count * cellWidth) + 24 + Math.Max(0, overhang - (cellWidth / 2)),
            Math.Max(360, SvgText.WidthOf(Title, 18) + 40));
        var height = gridTop + (Rows.Count * CellHeight) + 74;
        var svg = new SvgText(width, height, Title);
        svg.Write(20, 32, Title, 17, bold: true);
        for (var c = 0; c < Columns.Count; c++)
        {
            var x = left + ((c + 0.5) * cellWidth);
            if (slanted) svg.Write(x, gridTop - 8, Columns[c], 12, rotate: -45);
            else svg.Write(x, gridTop - 8, Columns[c], 12, anchor: "middle");
        }

        var (least, most) = Range(0, Rows.Count);
        for (var r = 0; r < Rows.Count; r++)
        {
            var y = gridTop + (r * CellHeight);
            svg.Write(left - 10, y + (CellHeight / 2) + 4, Rows[r], 12.5, anchor: "end");
            var (low, high) = Range(r, r + 1);
            var best = LowerIsBetter ? low : high;
            for (var c = 0; c < Columns.Count; c++)
            {
                var value = Values[r, c];
                var x = left + (c * cellWidth);
                if (!double.IsFinite(value))
                {
                    svg.Rectangle(x + 1, y + 1, cellWidth - 2, CellHeight - 2, "#f1f3f5", 3);
                    continue;
                }

                var shade = ScalePerRow ? Shade(value, low, high) : Shade(value, least, most);
                svg.Rectangle(x + 1, y + 1, cellWidth - 2, CellHeight - 2, ColourRamp.At(shade), 3);
                svg.Write(x + (cellWidth / 2), y + (CellHeight / 2) + 4, value.ToString(Format, CultureInfo.InvariantCulture), 12,
                    ColourRamp.Ink(shade), "middle", bold: value == best);
            }
        }

        WriteScale(svg, left, gridTop + (Rows.Count * CellHeight) + 20, least, most);
        return svg.ToString();
    }

    /// <summary>Writes the picture, whole or not at all.</summary>
    public void Save(string path) => AtomicFile.WriteText(path, ToSvg());

    private void WriteScale(SvgText svg, double left, double y, double least, double most)
    {
        const int steps = 60;
        const double length = 240;
        for (var i = 0; i < steps; i++)
        {
            var shade = (i + 0.5) / steps;
            svg.Rectangle(left + (length * i / steps), y, (length / steps) + 0.5, 10, ColourRamp.At(LowerIsBetter ? 1 - shade : shade));
        }

        svg.Write(left, y + 25, ScalePerRow ? "least of the row" : least.ToString(Format, CultureInfo.InvariantCulture), Small,
            SvgText.Muted);
        svg.Write(left + length, y + 25, ScalePerRow ? "most" : most.ToString(Format, CultureInfo.InvariantCulture), Small,
            SvgText.Muted, "end");
        svg.Write(left, y
            + 42, $"{Unit}{(Unit.Length > 0 ? "; " : "")}{(LowerIsBetter ? "lower is better" : "higher is better")}; best of each row in "
                + "bold",
            Small, SvgText.Muted);
    }

    private (double Least, double Most) Range(int from, int to)
    {
        double least = double.PositiveInfinity, most = double.NegativeInfinity;
        for (var r = from; r < to; r++)
        {
            for (var c = 0; c < Columns.Count; c++)
            {
                if (double.IsFinite(Values[r, c])) (least, most) = (Math.Min(least, Values[r, c]), Math.Max(most, Values[r, c]));
            }
        }

        return least <= most ? (least, most) : (0, 0);
    }

    private double Shade(double value, double least, double most)
    {
        if (most <= least) return 0.5;
        var position = (value - least) / (most - least);
        return LowerIsBetter ? 1 - position : position;
    }
}
