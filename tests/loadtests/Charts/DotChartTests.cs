using Btx.LoadTests.Charts;

namespace Btx.LoadTests.Tests.Charts;

public sealed class DotChartTests
{
    private static Series Dots(string name, int style, params Datum[] points) =>
        new(name, points, SeriesStyle.Of(style)) { Joined = false };

    [Fact]
    public void Dots_and_their_intervals_are_where_the_ticks_say_in_the_row_of_their_name()
    {
        var chart = new DotChart("peers", "Beside peers", new Axis("ratio") { Logarithmic = true }, ["first", "second"],
            [Dots("a", 0, new Datum(0.5, 0, 0.4, 0.8), new Datum(2, 1, 1.5, 3))])
        { Marks = [new(1, "the same")] };
        var read = new Picture(chart.ToSvg());
        var ticks = read.TicksOf('x');
        Assert.Equal([0.5, 2], read.Points("a").Select(p => Math.Round(Picture.Read(ticks, p.X, true), 2)));
        Assert.Equal([0.4, 1.5],
            read.Of("a", "whisker").Select(w => Math.Round(Picture.Read(ticks, Picture.Number((string)w.Attribute("x1")!), true), 2)));
        Assert.Equal([0.8, 3],
            read.Of("a", "whisker").Select(w => Math.Round(Picture.Read(ticks, Picture.Number((string)w.Attribute("x2")!), true), 2)));
        var rows = read.Kind("row").Select(r => Picture.Number((string)r.Attribute("y")!) - 4);
        Assert.Equal(rows, read.Points("a").Select(p => p.Y));
        Assert.Equal(1, Picture.Read(ticks, Picture.Number((string)Assert.Single(read.Kind("mark", "line")).Attribute("x1")!), true), 0.01);
    }

    [Fact]
    public void Series_of_one_row_stand_in_lanes_of_their_own()
    {
        var read = new Picture(new DotChart("d", "D", new Axis("x"), ["row"],
            [.. Enumerable.Range(0, 4).Select(i => Dots($"s{i}", i, new Datum(1, 0)))]).ToSvg());
        Assert.Equal(4, Enumerable.Range(0, 4).Select(i => read.Points($"s{i}")[0].Y).Distinct().Count());
    }

    [Fact]
    public void Without_a_dot_that_can_be_drawn_it_says_so()
    {
        var read = new Picture(new DotChart("d", "D", new Axis("x"), ["row"], [Dots("a", 0, new Datum(double.NaN, 0))]).ToSvg());
        Assert.Equal("no values", Assert.Single(read.Texts("empty")));
        Assert.Single(read.Texts("undrawn"));
        Assert.Equal("no values", Assert.Single(new Picture(new DotChart("d", "D", new Axis("x"), [], []).ToSvg()).Texts("empty")));
    }
}
