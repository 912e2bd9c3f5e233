using System.Globalization;
using System.Text;

namespace Btx.Cli.Charts;

/// <summary>Builds a picture: SVG without scripts, fonts or links, whose colours follow the reader's light or dark scheme.</summary>
internal sealed class Svg
{
    public const double Small = 11.5, Body = 12.5, Large = 16;

    /// <summary>More points than these in a series are dots without hover titles of their own, placed to the pixel.</summary>
    public const int Crowd = 60;

    /// <summary>No marker reaches further from its point, px.</summary>
    public const double Reach = 6;

    /// <summary>For a light and for a dark ground; people with the usual kinds of colour blindness can tell them apart
    /// (after Okabe and Ito).</summary>
    public static readonly (string Light, string Dark)[] Colours =
    [
        ("#0069a6", "#5bb5ef"), ("#c2510a", "#ff9752"), ("#00805c", "#35cc9f"), ("#a3407f", "#eb9dcb"),
        ("#8f6400", "#f0c040"), ("#4b3fa8", "#b0a8ff"), ("#7a2136", "#ff8fa0"), ("#56616f", "#b4bdc8"),
    ];

    /// <summary>Markers of about equal area, as paths about the point that they begin at.</summary>
    public static readonly string[] Shapes =
    [
        "m0-4a4 4 0 1 1-.1 0z", "m-4-4h8v8h-8z", "m0-5l5 9h-10z", "m0-5.5l5 5.5-5 5.5-5-5.5z", // circle, square, triangle, diamond
        "m0 5l5-9h-10z", "m-2-5h4v3h3v4h-3v3h-4v-3h-3v-4h3z", // triangle that points down, plus
        "m0-5l1.5 3.5h3.5l-2.5 2.5 1 4-3.5-2-3.5 2 1-4-2.5-2.5h3.5z", "m-5 0l2.5-4.4h5l2.5 4.4-2.5 4.4h-5z", // star, hexagon
    ];

    private static readonly string[] Dashes = ["", "7 4", "2 4", "9 4 2 4"];

    private const string Ink = "fill:#1f2733", DarkInk = "fill:#e7eaef", Dashed = "stroke:#6b7785;stroke-dasharray:4 3";

    // What the elements' kinds (classes) and names look like on a light ground, and what is different on a dark one.
    private static readonly (string Selector, string Light, string Dark)[] Rules =
    [
        ("text", "font-size:11.5px;fill:#566170", "fill:#a6b0bc"),
        ("[class|=title]", $"font-size:12.5px;text-anchor:middle;{Ink}", DarkInk),
            (".title", "font-size:16px;font-weight:600;text-anchor:start", ""), (".tick-x", "text-anchor:middle", ""),
        (".tick-y", "text-anchor:end", ""),
        (".legend", Ink, DarkInk), (".label", Ink, DarkInk), (".name", $"font-weight:600;{Ink}", DarkInk),
        (".row", $"text-anchor:end;{Ink}", DarkInk), (".end", "text-anchor:end", ""), (".empty", "text-anchor:middle", ""),
        (".cell", "text-anchor:middle", ""), (".best", "font-weight:600", ""), (".on-pale", Ink, Ink),
        (".on-deep", "fill:#fff", "fill:#fff"), (".void", "fill:#f1f3f5", "fill:#2d3540"),
        (".ground", "fill:#fff", "fill:#15191f"), (".rule", "stroke:#e1e6ec", "stroke:#2d3540"),
        (".axis", "stroke:#6b7785", "stroke:#8d98a5"), ("line.mark", Dashed, "stroke:#8d98a5"), ("line.level", Dashed, "stroke:#8d98a5"),
        (".shade", "fill:#8d98a5;fill-opacity:.2", ""), (".faint", "fill-opacity:.09", ""),
        ("g path", "fill:currentColor;stroke:#fff;stroke-width:.8", "stroke:#15191f"),
        (".band", "fill-opacity:.15;stroke:none", ""), (".hollow path:not([class])", "fill:none;stroke:currentColor;stroke-width:1.6", ""),
        (".bar", "stroke:currentColor;stroke-width:1.6;stroke-opacity:.65", ""),
        ("g .dots", "stroke:currentColor;stroke-width:5;stroke-linecap:round", ""),
        (".line", "fill:none;stroke:currentColor;stroke-width:1.9;stroke-linejoin:round", ""),
        .. Colours.Select((c, i) => ($".c{i}", $"color:{c.Light}", $"color:{c.Dark}")),
    ];

    private readonly StringBuilder _svg = new();

    /// <summary>Text of a kind; shortened to <paramref name="most"/> px, with the whole as its hover title.</summary>
    public void Text(string kind, double x, double y, string text, double most = double.PositiveInfinity, double size = Small, int turn = 0)
    {
        var shown = TextWidth.Fit(text, size, most);
        var turned = turn == 0 ? "" : $" transform=\"rotate({turn} {N(x)} {N(y)})\"";
        Add($"<text class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\"{turned}>{Hover(shown == text ? "" : text)}{XmlText.Escape(shown)}</text>");
    }

    public void Line(string kind, double x1, double y1, double x2, double y2) =>
        Add($"<line class=\"{kind}\" x1=\"{N(x1)}\" y1=\"{N(y1)}\" x2=\"{N(x2)}\" y2=\"{N(y2)}\"/>");

    /// <summary>Level and upright lines in one element: a grid, axes, the bars of a series.</summary>
    public void Lines(string kind, IEnumerable<(double X1, double Y1, double X2, double Y2)> lines) => Add($"<path class=\"{kind}\" d=\""
        + string.Concat(lines.Select(l => $"M{N(l.X1)} {N(l.Y1)}{(l.Y1 == l.Y2 ? $"H{N(l.X2)}" : $"V{N(l.Y2)}")}")) + "\"/>");

    /// <param name="fill">Null: that of its kind.</param>
    public void Rectangle(string kind, double x, double y, double width, double height, string? fill = null, string hover = "")
    {
        var paint = fill is null ? "" : $" fill=\"{fill}\"";
        Add($"<rect class=\"{kind}\" x=\"{N(x)}\" y=\"{N(y)}\" width=\"{N(width)}\" height=\"{N(height)}\"{paint}>{Hover(hover)}</rect>");
    }

    /// <summary>Draws in a series' colour; its name is the hover title of what has none of its own.</summary>
    /// <param name="name">Empty in the legend.</param>
    public void Group(SeriesStyle style, string name, Action draw)
    {
        var before = _svg.Length;
        Add($"<g class=\"c{style.Colour % Colours.Length}{(style.Hollow ? " hollow" : "")}\">{Hover(name)}");
        var begun = _svg.Length;
        draw();
        if (_svg.Length == begun) _svg.Length = before;
        else Add("</g>");
    }

    public void Band(IReadOnlyList<(double X, double Y)> outline) => Add($"<path class=\"band\" d=\"m{Through(outline)}z\"/>");

    public void Polyline(IReadOnlyList<(double X, double Y)> points, int dash) => Add($"<path class=\"line\" d=\"m{Through(points)}\""
        + $"{(dash % 4 == 0 ? "" : $" stroke-dasharray=\"{Dashes[dash % 4]}\"")}/>");

    public void Marker(double x, double y, SeriesStyle style, string hover)
    {
        var path = $"<path d=\"M{N(x)} {N(y)}{Shapes[style.Shape % Shapes.Length]}\"";
        Add(hover.Length == 0 ? path + "/>" : $"{path}>{Hover(hover)}</path>");
    }

    public void Dots(IEnumerable<(double X, double Y)> points) =>
        Add($"<path class=\"dots\" d=\"{string.Concat(Steps(points, 0).Select(s => $"m{s}h0"))}\"/>");

    /// <summary>The whole picture.</summary>
    public string ToSvg(string name, string title, string description, double width, double height) =>
        $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"btx\" viewBox=\"0 0 {N(width)} {N(height)}\" width=\"{N(width)}\" "
        + $"height=\"{N(height)}\" role=\"img\" aria-labelledby=\"{name}-title {name}-text\" "
        + $"font-family=\"system-ui,'Segoe UI',Arial,sans-serif\">\n"
        + $"<title id=\"{name}-title\">{XmlText.Escape(title)}</title>\n<desc id=\"{name}-text\">{XmlText.Escape(description)}</desc>\n"
        + $"<style>{Style()}</style>\n<rect class=\"ground\" width=\"{N(width)}\" height=\"{N(height)}\"/>\n{_svg}</svg>\n";

    /// <summary>The rules that the picture needs, under .btx: pictures in one page share them, and nothing else does.</summary>
    private string Style()
    {
        var drawn = _svg.ToString();
        HashSet<string> classes = ["ground", .. drawn.Split("class=\"").Skip(1).SelectMany(p => p[..p.IndexOf('"')].Split(' '))];
        var used = Rules.Where(r => r.Selector.Split('.') is [_, var named] ? classes.Contains(named.Split(' ')[0])
            : drawn.Contains(r.Selector.Split(' ', '=')[^1].TrimEnd(']'))).ToArray();
        return string.Concat(used.Select(r => $".btx {r.Selector}{{{r.Light}}}")) + "@media (prefers-color-scheme:dark){"
            + string.Concat(used.Where(r => r.Dark.Length > 0).Select(r => $".btx {r.Selector}{{{r.Dark}}}")) + "}";
    }

    /// <summary>A coordinate: one decimal, px.</summary>
    private static string N(double value, int decimals = 1) => (Math.Round(value, decimals) + 0.0).ToString(CultureInfo.InvariantCulture);

    private static string Hover(string text) => text.Length == 0 ? "" : $"<title>{XmlText.Escape(text)}</title>";

    private static string Through(IReadOnlyList<(double X, double Y)> points) =>
        string.Join(' ', Steps(points, points.Count > Crowd ? 0 : 1)).Replace(" -", "-");

    /// <summary>Each point by its distance from the one before it, which takes half the letters of its place.</summary>
    private static IEnumerable<string> Steps(IEnumerable<(double X, double Y)> points, int decimals)
    {
        (double X, double Y)[] placed = [.. points.Select(p => (Math.Round(p.X, decimals), Math.Round(p.Y, decimals)))];
        return placed.Prepend((0, 0)).Zip(placed, (from, to) => $"{N(to.X - from.X)} {N(to.Y - from.Y)}".Replace(" -", "-"));
    }

    private void Add(string element) => _svg.Append(element).Append('\n');
}
