using System.Globalization;
using System.Security;
using System.Text;

namespace Btx.Trainer.Charts;

/// <summary>Builds one self-contained SVG picture on a white ground.</summary>
internal sealed class SvgText
{
    public const string Ink = "#1f2733";
    public const string Muted = "#5b6675";
    public const string Rule = "#e3e7ec";
    private readonly StringBuilder svg = new();

    public SvgText(double width, double height, string title)
    {
        svg.Append(
            CultureInfo.InvariantCulture,
            $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {N(width)} {N(height)}\" "
            + $"width=\"{N(width)}\" height=\"{N(height)}\" role=\"img\" "
            + $"font-family=\"Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"<title>{Escape(title)}</title>\n");
        Rectangle(0, 0, width, height, "#ffffff");
    }

    /// <summary>Text as XML character data; characters that XML forbids become U+FFFD.</summary>
    public static string Escape(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            clean.Append(rune.Value is '\t' or >= 0x20 and not (>= 0x7F and <= 0x9F) and not 0xFFFE and not 0xFFFF ? rune.ToString()
                : "\uFFFD");
        return SecurityElement.Escape(clean.ToString());
    }

    public void Rectangle(double x, double y, double width, double height, string fill, double radius = 0) =>
        svg.Append(
        CultureInfo.InvariantCulture, $"<rect x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\" "
            + $"fill=\"{fill}\"{(radius > 0 ? $" rx=\"{N(radius)}\"" : "")}/>\n");

    public void Line(double x1, double y1, double x2, double y2, string stroke, double width = 1) =>
        svg.Append(
        CultureInfo.InvariantCulture, $"<line x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\" stroke=\"{stroke}\" "
            + $"stroke-width=\"{N(width)}\"/>\n");

    public void Polyline(IReadOnlyList<(double X, double Y)> points, string stroke, string dashes)
    {
        svg.Append(
            CultureInfo.InvariantCulture, $"<polyline fill=\"none\" stroke=\"{stroke}\" stroke-width=\"1.7\" stroke-linejoin=\"round\" "
                + $"stroke-linecap=\"round\"{(dashes.Length > 0 ? $" stroke-dasharray=\"{dashes}\"" : "")} points=\"");
        svg.AppendJoin(' ', points.Select(p => $"{N(p.X)},{N(p.Y)}")).Append("\"/>\n");
    }

    /// <param name="anchor"><c>start</c>, <c>middle</c> or <c>end</c>.</param>
    /// <param name="rotate">Degrees about the point.</param>
    public void Write(double x, double y, string text, double size = 12, string fill = Ink, string anchor = "start", bool bold = false,
        double rotate = 0)
    {
        var turn = rotate == 0 ? "" : $" transform=\"rotate({N(rotate)} {N(x)} {N(y)})\"";
        svg.Append(
            CultureInfo.InvariantCulture, $"<text x=\"{N(x)}\" y=\"{N(y)}\" font-size=\"{N(size)}\" fill=\"{fill}\" "
                + $"text-anchor=\"{anchor}\"{(bold ? " font-weight=\"600\"" : "")}{turn}>{Escape(text)}</text>\n");
    }

    /// <summary>About how wide a text is, in pixels: for margins, with an upper estimate of the mean glyph.</summary>
    public static double WidthOf(string text, double size) => text.Length * size * 0.58;

    public override string ToString() => svg + "</svg>\n";

    private static string N(double value) => Math.Round(value, 2).ToString(CultureInfo.InvariantCulture);
}
