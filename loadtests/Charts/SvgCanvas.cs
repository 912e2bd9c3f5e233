using System.Globalization;
using System.Text;

namespace Btx.LoadTests.Charts;

/// <summary>Builds one picture: plain SVG without scripts, fonts or links, whose colours
/// follow the reader's light or dark scheme.</summary>
internal sealed class SvgCanvas
{
    public const double Small = 11.5, Body = 12.5, Large = 16;
    private const string Ink = "fill=\"#1f2733\" class=\"btx-ink\"", Muted = "fill=\"#566170\" class=\"btx-muted\"";
    private static readonly string[] Dashes = ["", "7 4", "2 4", "9 4 2 4"];
    private readonly StringBuilder _svg = new();

    /// <summary>Appends <c>&lt;title&gt;</c> as a picture's hover text.</summary>
    private static string Hover(string? text) => string.IsNullOrEmpty(text) ? "" : $"<title>{XmlText.Escape(text)}</title>";

    public void Text(double x, double y, string text, double size = Body, string anchor = "start", bool muted = false, bool bold = false,
        double rotate = 0, string? hover = null, string kind = "")
    {
        var turn = rotate == 0 ? "" : $" transform=\"rotate({N(rotate)} {N(x)} {N(y)})\"";
        Line($"<text x=\"{N(x)}\" y=\"{N(y)}\" font-size=\"{N(size)}\"{(anchor == "start" ? "" : $" text-anchor=\"{anchor}\"")}{(bold ? " font-weight=\"600\"" : "")}{Kind(kind)} {(muted ? Muted : Ink)}{turn}>{Hover(hover)}{XmlText.Escape(text)}</text>");
    }

    /// <summary>A grid line.</summary>
    public void Rule(double x1, double y1, double x2, double y2) => Stroke(x1, y1, x2, y2, "stroke=\"#e1e6ec\" class=\"btx-rule\"", "", "");

    /// <summary>An axis, a tick, a mark.</summary>
    public void AxisLine(double x1, double y1, double x2, double y2, bool dashed = false, string kind = "") =>
        Stroke(x1, y1, x2, y2, "stroke=\"#6b7785\" class=\"btx-axis\"", dashed ? " stroke-dasharray=\"4 3\"" : "", kind);

    public void Shaded(double x, double y, double width, double height, bool faint, string hover) =>
        Line($"<rect x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\" fill=\"#6b7785\" class=\"btx-shade\" fill-opacity=\"{(faint ? "0.09" : "0.2")}\" data-kind=\"shade\">{Hover(hover)}</rect>");

    public void BeginSeries(SeriesStyle style, string name) =>
        Line($"<g {Palette.Attributes(style.Colour)} data-series=\"{XmlText.Escape(name)}\">");

    public void EndSeries() => Line($"</g>");

    public void Band(IReadOnlyList<(double X, double Y)> outline) =>
        Line($"<polygon points=\"{Points(outline)}\" fill=\"currentColor\" fill-opacity=\"0.15\" data-kind=\"band\"/>");

    public void Whisker(double x1, double y1, double x2, double y2) =>
        Line($"<line x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\" stroke=\"currentColor\" stroke-width=\"1.6\" stroke-opacity=\"0.65\" data-kind=\"whisker\"/>");

    public void Polyline(IReadOnlyList<(double X, double Y)> points, SeriesStyle style)
    {
        var dash = Dashes[style.Dash % Dashes.Length];
        Line($"<polyline points=\"{Points(points)}\" fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.9\" stroke-linejoin=\"round\"{(dash.Length > 0 ? $" stroke-dasharray=\"{dash}\"" : "")} data-kind=\"line\"/>");
    }

    public void Marker(double x, double y, SeriesStyle style, string? hover)
    {
        var paint = style.Hollow ? "fill=\"none\" stroke=\"currentColor\" stroke-width=\"1.6\""
            : "fill=\"currentColor\" stroke=\"#ffffff\" class=\"btx-halo\" stroke-width=\"0.8\"";
        Line($"<path d=\"{Markers.Path(style.Shape)}\" transform=\"translate({N(x)} {N(y)})\" {paint}{(hover is null ? "" : " data-kind=\"point\"")}>{Hover(hover)}</path>");
    }

    /// <summary>The whole picture.</summary>
    /// <param name="name">Letters, digits and hyphens; other pictures of the same page have other names.</param>
    public string ToSvg(string name, string title, string description, double width, double height) =>
        string.Create(CultureInfo.InvariantCulture, $"""
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {N(width)} {N(height)}" width="{N(width)}" height="{N(height)}" role="img" aria-labelledby="{name}-title {name}-text" font-family="Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif">
            <title id="{name}-title">{XmlText.Escape(title)}</title>
            <desc id="{name}-text">{XmlText.Escape(description)}</desc>
            <style>{Palette.DarkRules}</style>
            <rect width="{N(width)}" height="{N(height)}" fill="#ffffff" class="btx-ground"/>

            """).ReplaceLineEndings("\n") + _svg + "</svg>\n";

    /// <summary>A coordinate: two decimals, px.</summary>
    public static string N(double value) => (Math.Round(value, 2) + 0.0).ToString(CultureInfo.InvariantCulture);

    private static string Points(IReadOnlyList<(double X, double Y)> points) => string.Join(' ', points.Select(p => $"{N(p.X)},{N(p.Y)}"));

    private static string Kind(string kind) => kind.Length == 0 ? "" : $" data-kind=\"{kind}\"";

    private void Stroke(double x1, double y1, double x2, double y2, string colour, string dash, string kind) =>
        Line($"<line x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\" {colour}{dash}{Kind(kind)}/>");

    private void Line(FormattableString element) => _svg.Append(element.ToString(CultureInfo.InvariantCulture)).Append('\n');
}
