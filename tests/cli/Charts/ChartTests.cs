using Btx.Cli.Charts;

namespace Btx.Cli.Tests.Charts;

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
        var lines = read.Lines("a");
        Assert.Equal(2, lines.Count);
        Assert.Equal(read.Points("a").Take(2), Picture.Corners(lines[0]));
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
        Assert.Equal([15.0, 30, 15, 8],
            Picture.Corners(Assert.Single(read.Bands("a"))).Select(p => Math.Round(Picture.Read(ticks, p.Y, false), 1)));
        var (from, to) = Assert.Single(read.Bars("b", upright: true));
        Assert.Equal((5.0, 40.0), (Math.Round(Picture.Read(ticks, from, false), 1), Math.Round(Picture.Read(ticks, to, false), 1)));
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
        Assert.Equal(4, Picture.Read(ticks, Picture.Coordinate(Assert.Single(read.Kind("mark", "line")), "x1"), false), 0.02);
        var shade = Assert.Single(read.Kind("shade"));
        var left = Picture.Coordinate(shade, "x");
        Assert.Equal((6.0, 8.0), (Math.Round(Picture.Read(ticks, left, false), 1),
            Math.Round(Picture.Read(ticks, left + Picture.Coordinate(shade, "width"), false), 1)));
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
        var top = read.TicksOf('y').Min(t => t.Place);
        Assert.All(read.Kind("legend"), l => Assert.True(Picture.Coordinate(l, "y") < top));
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
        var boxes = read.Kind("label").Select(l => (X: Picture.Coordinate(l, "x"), Y: Picture.Coordinate(l, "y"),
            Wide: TextWidth.Of(Picture.OwnText(l), Svg.Small))).ToArray();
        Assert.True(boxes.Length > 25);
        for (var i = 0; i < boxes.Length; i++)
        {
            for (var j = 0; j < i; j++)
                Assert.False(Math.Abs(boxes[i].Y - boxes[j].Y) < 12 && boxes[i].X < boxes[j].X + boxes[j].Wide
                    && boxes[j].X < boxes[i].X + boxes[i].Wide, $"labels {i} and {j}");
        }

        Assert.All(boxes, b => Assert.InRange(b.X + b.Wide, 0, read.Bounds.Width));
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
        Assert.Equal("latency (ms) against load (requests/s).", read.Xml.Root.Element(read.Xml.Root.Name.Namespace + "desc")!.Value);
    }

    private static Series Dots(string name, int style, params Datum[] points) =>
        new(name, points, SeriesStyle.Of(style)) { Joined = false };

    private static Chart Rows(string[] rows, params Series[] series) =>
        new("d", "D", new Axis("x"), [new Panel(new Axis("") { Rows = rows }, series)]);

    [Fact]
    public void Dots_and_their_intervals_are_where_the_ticks_say_in_the_row_of_their_name()
    {
        var chart = Rows(["first", "second"], Dots("a", 0, new(0.5, 0, Left: 0.4, Right: 0.8), new(2, 1, Left: 1.5, Right: 3)));
        var read = new Picture((chart with { X = new("ratio") { Logarithmic = true }, Marks = [new(1, "the same")] }).ToSvg());
        var ticks = read.TicksOf('x');
        Assert.Equal([0.5, 2], read.Points("a").Select(p => Math.Round(Picture.Read(ticks, p.X, true), 2)));
        Assert.Equal([(0.4, 0.8), (1.5, 3)], read.Bars("a", upright: false).Select(b => (Value(b.From), Value(b.To))));
        var rows = read.Kind("row").Select(r => Picture.Coordinate(r, "y") - 4);
        Assert.Equal(rows, read.Points("a").Select(p => p.Y));
        Assert.Equal(1, Value(Picture.Coordinate(Assert.Single(read.Kind("mark", "line")), "x1")));
        double Value(double place) => Math.Round(Picture.Read(ticks, place, true), 2);
    }

    [Fact]
    public void Series_of_one_row_stand_in_lanes_of_their_own()
    {
        var read = new Picture(Rows(["row"], [.. Enumerable.Range(0, 4).Select(i => Dots($"s{i}", i, new Datum(1, 0)))]).ToSvg());
        Assert.Equal(4, Enumerable.Range(0, 4).Select(i => read.Points($"s{i}")[0].Y).Distinct().Count());
    }

    [Fact]
    public void Rows_without_a_dot_that_can_be_drawn_say_so()
    {
        var read = new Picture(Rows(["row"], Dots("a", 0, new Datum(double.NaN, 0))).ToSvg());
        Assert.Equal("no values", Assert.Single(read.Texts("empty")));
        Assert.Single(read.Texts("undrawn"));
        Assert.Equal("no values", Assert.Single(new Picture(Rows([]).ToSvg()).Texts("empty")));
    }
}
