using System.Globalization;
using System.Xml.Linq;
using Btx.Trainer.Charts;

namespace Btx.Trainer.Tests.Charts;

public sealed class ChartTests
{
    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    [Fact]
    public void A_line_chart_draws_every_series_axis_and_legend_entry_inside_the_picture()
    {
        var chart = new LineChart("Loss", "tokens", "loss (nats)", [
            new("seed", [.. Enumerable.Range(0, 500).Select(i => (i * 1200.0, 3 + Math.Exp(-i / 60.0)))]),
            new("a <b> & \"c\"\u0001", [(0, 4), (300_000, double.NaN), (600_000, 3.5), (610_000, 3.4)]),
        ]);
        var svg = XDocument.Parse(chart.ToSvg());
        string[] texts = [.. svg.Descendants(Svg + "text").Select(t => t.Value)];
        Assert.Contains("tokens", texts);
        Assert.Contains("loss (nats)", texts);
        Assert.Contains("seed", texts);
        Assert.Contains("a <b> & \"c\"\uFFFD", texts);
        Assert.Contains("600k", texts);
        double width = Number(svg.Root!, "width"), height = Number(svg.Root!, "height");
        var points = svg.Descendants(Svg + "polyline").SelectMany(p => p.Attribute("points")!.Value.Split(' ')).Select(p => p.Split(','));
        Assert.All(points, p =>
        {
            Assert.InRange(double.Parse(p[0], CultureInfo.InvariantCulture), 0, width);
            Assert.InRange(double.Parse(p[1], CultureInfo.InvariantCulture), 0, height);
        });
        // Two lines, one of them broken at the value that is not a number, and two keys in the legend.
        Assert.Equal(5, svg.Descendants(Svg + "polyline").Count());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(200_000)]
    public void Any_number_of_points_gives_a_small_picture(int count)
    {
        var svg = new LineChart("t", "x", "y", [new("s", [.. Enumerable.Range(0, count).Select(i => ((double)i, 2.0))])]).ToSvg();
        XDocument.Parse(svg);
        Assert.True(svg.Length < 100_000);
        Assert.DoesNotContain("NaN", svg, StringComparison.Ordinal);
    }

    [Fact]
    public void A_heat_map_prints_every_value_and_marks_the_best_of_each_row()
    {
        var map = new HeatMap("Bits per byte", ["novels", "bible"], ["seed", "dense", "ensemble"],
            new[,] { { 2.31, 2.094, 2.001 }, { 2.082, double.NaN, 1.843 } })
        { Unit = "bits per byte" };
        var svg = XDocument.Parse(map.ToSvg());
        var texts = svg.Descendants(Svg + "text").ToList();
        Assert.All(["2.31", "2.09", "2.00", "2.08", "1.84", "novels", "bible", "seed", "ensemble"],
            v => Assert.Contains(texts, t => t.Value == v));
        string[] bold = [.. texts.Where(t => t.Attribute("font-weight") is not null).Select(t => t.Value)];
        Assert.Equal(["Bits per byte", "2.00", "1.84"], bold);
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Values_must_fit_the_names() =>
        Assert.Throws<ArgumentException>(() => new HeatMap("t", ["a"], ["b", "c"], new double[1, 1]).ToSvg());

    [Fact]
    public void Equal_values_and_no_values_are_drawn()
    {
        XDocument.Parse(new HeatMap("t", ["a"], ["b"], new[,] { { 1.0 } }).ToSvg());
        XDocument.Parse(new HeatMap("t", [], [], new double[0, 0]).ToSvg());
        XDocument.Parse(new HeatMap("t", ["a"], ["b"], new[,] { { double.NaN } }) { LowerIsBetter = false, ScalePerRow = true }.ToSvg());
    }

    [Fact]
    public void A_grid_draws_every_panel_inside_the_picture_and_breaks_lines_that_would_be_too_wide()
    {
        var values = new[,] { { 70.4, 29.6 }, { double.NaN, 100 } };
        HeatMapGrid Grid(int panels) => new("Routing", ["novels", "bible"], ["novels", "bible & more"],
            [.. Enumerable.Range(0, panels).Select(l => ($"layer {l}", values))])
        { Most = 100 };
        var svg = XDocument.Parse(Grid(12).ToSvg());
        string[] texts = [.. svg.Descendants(Svg + "text").Select(t => t.Value)];
        Assert.All(["layer 0", "layer 11", "bible & more", "70"], text => Assert.Contains(text, texts));
        Assert.Equal(12 + 1, texts.Count(t => t == "100")); // a cell in each panel and the end of the scale
        Assert.All(svg.Descendants(Svg + "rect"), r => Assert.InRange(Number(r, "x") + Number(r, "width"), 0, Number(svg.Root!, "width")));
        Assert.All(svg.Descendants(Svg + "rect"),
            r => Assert.InRange(Number(r, "y") + Number(r, "height"), 0, Number(svg.Root!, "height")));
        Assert.True(Number(svg.Root!, "width") <= 1240);
        Assert.True(Number(svg.Root!, "height") > Number(XDocument.Parse(Grid(2).ToSvg()).Root!, "height"));
        Assert.DoesNotContain("NaN", svg.ToString(), StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => new HeatMapGrid("t", ["a"], ["b"], [("p", values)]).ToSvg());
    }

    private static double Number(XElement element, string attribute) =>
        double.Parse(element.Attribute(attribute)!.Value, CultureInfo.InvariantCulture);
}
