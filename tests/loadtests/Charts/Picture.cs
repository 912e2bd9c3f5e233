using System.Globalization;
using System.Xml.Linq;

namespace Btx.LoadTests.Tests.Charts;

/// <summary>Reads a picture as a person does: values from places by the ticks and their labels alone.</summary>
internal sealed class Picture(string svg)
{
    public XDocument Xml { get; } = XDocument.Parse(svg);

    public IEnumerable<XElement> Kind(string kind, string? element = null) =>
        Xml.Descendants().Where(e => (string?)e.Attribute("data-kind") == kind && (element is null || e.Name.LocalName == element));

    public IReadOnlyList<string> Texts(string kind) => [.. Kind(kind, "text").Select(OwnText)];

    public (double Left, double Top, double Width, double Height) Bounds
    {
        get
        {
            var box = ((string)Xml.Root!.Attribute("viewBox")!).Split(' ').Select(Number).ToArray();
            return (box[0], box[1], box[2], box[3]);
        }
    }

    /// <summary>Places of a series' markers.</summary>
    public IReadOnlyList<(double X, double Y)> Points(string series) => [.. Of(series, "point").Select(Place)];

    public IEnumerable<XElement> Of(string series, string kind) =>
        Kind(kind).Where(e => (string?)e.Parent!.Attribute("data-series") == series);

    /// <summary>A marker's values, by the nearest two ticks of each axis.</summary>
    public IReadOnlyList<(double X, double Y)> Values(string series, bool logX = false, bool logY = false) =>
        [.. Points(series).Select(p => (Read(Ticks("tick-x", "x1", "x"), p.X, logX), Read(Ticks("tick-y", "y1", "y"), p.Y, logY)))];

    public IReadOnlyList<(double Place, double Value)> TicksOf(char axis) => axis == 'x' ? Ticks("tick-x", "x1", "x")
        : Ticks("tick-y", "y1", "y");

    public static double Read(IReadOnlyList<(double Place, double Value)> ticks, double place, bool logarithmic)
    {
        var (a, b) = (ticks[0], ticks[^1]);
        double from = logarithmic ? Math.Log(a.Value) : a.Value, to = logarithmic ? Math.Log(b.Value) : b.Value;
        var value = from + ((to - from) * (place - a.Place) / (b.Place - a.Place));
        return logarithmic ? Math.Exp(value) : value;
    }

    public static (double X, double Y) Place(XElement marker)
    {
        var at = ((string)marker.Attribute("transform")!).Replace("translate(", "", StringComparison.Ordinal).TrimEnd(')').Split(' ');
        return (Number(at[0]), Number(at[1]));
    }

    public static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    /// <summary>Text without the hover title.</summary>
    public static string OwnText(XElement element) => string.Concat(element.Nodes().OfType<XText>().Select(t => t.Value));

    private List<(double Place, double Value)> Ticks(string kind, string line, string text)
    {
        var labels = Kind(kind, "text").ToArray();
        var ticks = new List<(double, double)>();
        foreach (var tick in Kind(kind, "line"))
        {
            var place = Number((string)tick.Attribute(line)!);
            if (labels.FirstOrDefault(l =>
                Math.Abs(Number((string)l.Attribute(text)!) - place) <= (text == "y" ? 4.01 : 0.01)) is { } label)
                ticks.Add((place, Amount(OwnText(label))));
        }

        return ticks;
    }

    private static double Amount(string label) => label[^1] switch
    {
        'k' => 1e3 * Number(label[..^1]),
        'M' => 1e6 * Number(label[..^1]),
        'G' => 1e9 * Number(label[..^1]),
        'T' => 1e12 * Number(label[..^1]),
        _ => Number(label),
    };
}
