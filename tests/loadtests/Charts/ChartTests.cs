using Btx.LoadTests.Charts;

namespace Btx.LoadTests.Tests.Charts;

public sealed class ChartTests
{
    private static Series Line(string name, int style, params (double X, double Y)[] points) =>
        new(name, [.. points.Select(p => new Datum(p.X, p.Y))], SeriesStyle.Of(style));

    private static Chart Plot(params Series[] series) =>
        new("plot", "Title", new Axis("load (requests/s)"), [new Panel(new Axis("latency (ms)"), series)]);

    [Fact]
    public void Every_point_is_where_the_ticks_say()
    {
        (double X, double Y)[] points = [(1, 12.5), (2.5, 31), (7, 99.25)];
        var read = new Picture(Plot(Line("a", 0, points), Line("b", 1, (3, 55))).ToSvg());
        Assert.All(points.Zip(read.Values("a")), p =>
        {
            Assert.Equal(p.First.X, p.Second.X, 0.02);
            Assert.Equal(p.First.Y, p.Second.Y, 0.02 * 5);
        });
        Assert.Equal(55, Assert.Single(read.Values("b")).Y, 0.1);
    }

    [Fact]
    public void Every_point_is_where_logarithmic_ticks_say()
    {
        (double X, double Y)[] points = [(1, 0.004), (16, 0.5), (64, 31)];
        var chart = new Chart("plot", "Title", new Axis("x") { Logarithmic = true },
            [new Panel(new Axis("y") { Logarithmic = true }, [Line("a", 0, points)])]);
        Assert.All(points.Zip(new Picture(chart.ToSvg()).Values("a", logX: true, logY: true)), p =>
        {
            Assert.Equal(1, p.Second.X / p.First.X, 0.005);
            Assert.Equal(1, p.Second.Y / p.First.Y, 0.005);
        });
    }

    [Fact]
    public void A_line_runs_through_its_points_and_breaks_where_one_cannot_be_drawn()
    {
        var read = new Picture(Plot(Line("a", 0, (1, 1), (2, 2), (3, double.NaN), (4, 4), (5, 5))).ToSvg());
        var lines = read.Of("a", "line").ToArray();
        Assert.Equal(2, lines.Length);
        Assert.Equal(read.Points("a").Take(2), ((string)lines[0].Attribute("points")!).Split(' ').Select(p => p.Split(','))
            .Select(p => (Picture.Number(p[0]), Picture.Number(p[1]))));
        Assert.Equal("1 value is not drawn: none was measured, or not above zero on a logarithmic axis",
            Assert.Single(read.Texts("undrawn")));
    }

    [Fact]
    public void A_band_has_the_points_bounds_and_a_single_point_has_a_whisker()
    {
        var series = new Series("a", [new Datum(1, 10, 8, 15), new Datum(2, 20, 15, 30)], SeriesStyle.Of(0));
        var single = new Series("b", [new Datum(1, 10, 5, 40)], SeriesStyle.Of(1));
        var read = new Picture(Plot(series, single).ToSvg());
        var ticks = read.TicksOf('y');
        var corners = ((string)Assert.Single(read.Of("a", "band")).Attribute("points")!).Split(' ')
            .Select(p => Math.Round(Picture.Read(ticks, Picture.Number(p.Split(',')[1]), false), 1));
        Assert.Equal([15.0, 30, 15, 8], corners);
        var whisker = Assert.Single(read.Of("b", "whisker"));
        Assert.Equal([5.0, 40],
            new[] { "y1", "y2" }.Select(a => Math.Round(Picture.Read(ticks, Picture.Number((string)whisker.Attribute(a)!), false), 1)));
    }

    [Fact]
    public void Axes_are_titled_marks_and_levels_are_named_and_shades_span_their_time()
    {
        var chart = Plot(Line("a", 0, (0, 1), (10, 2))) with { Marks = [new(4, "knee: 4 requests/s")], Shades = [new(6, 8, "add bible")] };
        var read = new Picture((chart with { Panels = [chart.Panels[0] with { Levels = [new(1.5, "objective")] }] }).ToSvg());
        Assert.Equal("load (requests/s)", Assert.Single(read.Texts("title-x")));
        Assert.Equal("latency (ms)", Assert.Single(read.Texts("title-y")));
        Assert.Equal(["knee: 4 requests/s", "add bible"], read.Texts("mark"));
        Assert.Equal(["objective"], read.Texts("level"));
        var ticks = read.TicksOf('x');
        Assert.Equal(4,
            Picture.Read(ticks, Picture.Number((string)Assert.Single(read.Kind("mark", "line")).Attribute("x1")!), false), 0.02);
        var shade = Assert.Single(read.Kind("shade"));
        var left = Picture.Number((string)shade.Attribute("x")!);
        Assert.Equal((6.0, 8.0), (Math.Round(Picture.Read(ticks, left, false), 1),
            Math.Round(Picture.Read(ticks, left + Picture.Number((string)shade.Attribute("width")!), false), 1)));
    }

    [Fact]
    public void Panels_share_the_horizontal_axis()
    {
        var chart = Plot(Line("a", 0, (1, 5), (9, 6)));
        var read = new Picture(
            (chart with { Panels = [.. chart.Panels, new Panel(new Axis("tokens/s"), [Line("b", 1, (1, 1), (9, 2))])] }).ToSvg());
        Assert.Equal(read.Points("a").Select(p => p.X), read.Points("b").Select(p => p.X));
        Assert.All(read.Points("b"), b => Assert.All(read.Points("a"), a => Assert.True(b.Y > a.Y)));
    }

    [Fact]
    public void A_legend_names_every_series_once_and_stands_above_the_plot()
    {
        var read = new Picture(Plot([.. Enumerable.Range(0, 30).Select(i => Line($"series {i}", i, (1, i), (2, i + 1)))]).ToSvg());
        Assert.Equal(Enumerable.Range(0, 30).Select(i => $"series {i}"), read.Texts("legend"));
        var top = read.Kind("tick-y", "line").Min(t => Picture.Number((string)t.Attribute("y1")!));
        Assert.All(read.Kind("legend"), l => Assert.True(Picture.Number((string)l.Attribute("y")!) < top));
        Assert.Equal(30, Enumerable.Range(0, 30).Select(SeriesStyle.Of).Distinct().Count());
    }

    [Fact]
    public void Labels_do_not_cover_each_other_nor_leave_the_plot()
    {
        var random = new Random(5);
        var series = new Series("a", [.. Enumerable.Range(0, 40)
            .Select(i => new Datum(random.NextDouble(), random.NextDouble(), Label: $"label {i}"))], SeriesStyle.Of(0))
        { Joined = false };
        var read = new Picture(Plot(series).ToSvg());
        var boxes = read.Kind("label").Select(l => (X: Picture.Number((string)l.Attribute("x")!),
            Y: Picture.Number((string)l.Attribute("y")!), Wide: TextWidth.Of(Picture.OwnText(l), SvgCanvas.Small))).ToArray();
        Assert.True(boxes.Length > 25);
        for (var i = 0; i < boxes.Length; i++)
        {
            for (var j = 0; j < i; j++)
                Assert.False(Math.Abs(boxes[i].Y - boxes[j].Y) < 12 && boxes[i].X < boxes[j].X + boxes[j].Wide
                    && boxes[j].X < boxes[i].X + boxes[i].Wide, $"labels {i} and {j}");
        }

        Assert.All(boxes, b => Assert.InRange(b.X + b.Wide, 0, Chart.Width));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_plot_without_values_says_so(int count)
    {
        var read = new Picture(
            Plot([.. Enumerable.Range(0, count).Select(i => Line("a", i, (1, double.NaN), (double.PositiveInfinity, 2)))]).ToSvg());
        Assert.Equal("no values", Assert.Single(read.Texts("empty")));
        Assert.Equal(count, read.Texts("undrawn").Count);
    }

    [Fact]
    public void A_picture_stands_alone_describes_itself_and_is_the_same_twice()
    {
        var svg = Plot(Line("a", 0, (1, 5)), Line("b", 1, (1, 6))).ToSvg();
        Assert.Equal(svg, Plot(Line("a", 0, (1, 5)), Line("b", 1, (1, 6))).ToSvg());
        var read = new Picture(svg);
        var names = read.Xml.Descendants().Select(e => e.Name.LocalName).ToArray();
        Assert.DoesNotContain(names, n => n is "script" or "image" or "use" or "foreignObject" or "a");
        Assert.DoesNotContain("href", svg, StringComparison.Ordinal);
        Assert.DoesNotContain("url(", svg, StringComparison.Ordinal);
        Assert.Contains("prefers-color-scheme:dark", svg, StringComparison.Ordinal);
        Assert.Equal("Title", read.Xml.Root!.Element(read.Xml.Root.Name.Namespace + "title")!.Value);
        Assert.Contains("Series: a, b", read.Xml.Root.Element(read.Xml.Root.Name.Namespace + "desc")!.Value, StringComparison.Ordinal);
    }
}
