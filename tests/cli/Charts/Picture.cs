using System.Globalization;
using System.Xml.Linq;

namespace Btx.Cli.Tests.Charts;

/// <summary>Reads a picture as a person does: values from places by the labels of the ticks alone.</summary>
internal sealed class Picture(string svg)
{
    public XDocument Xml { get; } = XDocument.Parse(svg);

    /// <summary>Elements of a kind: <c>label</c>, <c>mark</c>, <c>shade</c>.</summary>
    public IEnumerable<XElement> Kind(string kind, string? element = null) => Xml.Descendants().Where(e =>
        ((string?)e.Attribute("class") ?? "").Split(' ').Contains(kind) && (element is null || e.Name.LocalName == element));

    public IReadOnlyList<string> Texts(string kind) => [.. Kind(kind, "text").Select(OwnText)];

    public (double Left, double Top, double Width, double Height) Bounds
    {
        get
        {
            var box = ((string)Xml.Root!.Attribute("viewBox")!).Split(' ').Select(Number).ToArray();
            return (box[0], box[1], box[2], box[3]);
        }
    }

    /// <summary>Markers of a series, or of all.</summary>
    public IEnumerable<XElement> Markers(string? series = null) => Of(series, "path").Where(e => e.Attribute("class") is null);

    public IReadOnlyList<XElement> Lines(string series) => [.. Of(series, "path").Where(e => (string?)e.Attribute("class") == "line")];

    public IReadOnlyList<XElement> Bands(string series) => [.. Of(series, "path").Where(e => (string?)e.Attribute("class") == "band")];

    /// <summary>The bars of a series' points: upright ones about Y, level ones about X.</summary>
    public IReadOnlyList<(double From, double To)> Bars(string series, bool upright) => [.. Of(series, "path")
        .Where(e => (string?)e.Attribute("class") == "bar").SelectMany(e => ((string)e.Attribute("d")!).Split('M').Skip(1))
        .Where(bar => bar.Contains('V') == upright).Select(bar => bar.Split(' ', 'V', 'H').Select(Number).ToArray())
        .Select(bar => (bar[upright ? 1 : 0], bar[2]))];

    /// <summary>Places of a series' markers.</summary>
    public IReadOnlyList<(double X, double Y)> Points(string series) => [.. Markers(series).Select(Place)];

    /// <summary>Corners of a line or of a band.</summary>
    public static IReadOnlyList<(double X, double Y)> Corners(XElement line)
    {
        var (x, y) = (0.0, 0.0);
        var steps = ((string)line.Attribute("d")!).Trim('m', 'z').Replace("-", " -")
            .Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(Number).Chunk(2);
        return [.. steps.Select(s => (x = Math.Round(x + s[0], 1), y = Math.Round(y + s[1], 1)))];
    }

    /// <summary>A marker's values, by the ticks of each axis.</summary>
    public IReadOnlyList<(double X, double Y)> Values(string series, bool logX = false, bool logY = false) =>
        [.. Points(series).Select(p => (Read(TicksOf('x'), p.X, logX), Read(TicksOf('y'), p.Y, logY)))];

    public IReadOnlyList<(double Place, double Value)> TicksOf(char axis) => axis == 'x'
        ? [.. Kind("tick-x", "text").Select(t => (Coordinate(t, "x"), Amount(OwnText(t))))]
        : [.. Kind("tick-y", "text").Select(t => (Coordinate(t, "y") - 4, Amount(OwnText(t))))];

    public static double Read(IReadOnlyList<(double Place, double Value)> ticks, double place, bool logarithmic)
    {
        var (a, b) = (ticks[0], ticks[^1]);
        double from = logarithmic ? Math.Log(a.Value) : a.Value, to = logarithmic ? Math.Log(b.Value) : b.Value;
        var value = from + ((to - from) * (place - a.Place) / (b.Place - a.Place));
        return logarithmic ? Math.Exp(value) : value;
    }

    public static (double X, double Y) Place(XElement marker)
    {
        var at = ((string)marker.Attribute("d")!)[1..].Split(' ', 'm');
        return (Number(at[0]), Number(at[1]));
    }

    public static double Coordinate(XElement element, string name) => Number((string)element.Attribute(name)!);

    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>Text without the hover title.</summary>
    public static string OwnText(XElement element) => string.Concat(element.Nodes().OfType<XText>().Select(t => t.Value));

    private IEnumerable<XElement> Of(string? series, string element) => Xml.Descendants().Where(e => e.Name.LocalName == element
        && e.Parent is { } group && group.Name.LocalName == "g" && group.Elements().FirstOrDefault() is { Name.LocalName: "title" } title
        && (series is null || title.Value == series));

    private static double Amount(string label) => label[^1] switch
    {
        'k' => 1e3 * Number(label[..^1]),
        'M' => 1e6 * Number(label[..^1]),
        'G' => 1e9 * Number(label[..^1]),
        'T' => 1e12 * Number(label[..^1]),
        _ => Number(label),
    };
}
