using System.Xml.Linq;
using Btx.Cli.Charts;

namespace Btx.Cli.Tests.Charts;

public sealed class HeatMapTests
{
    private static HeatMap Map(string[] rows, string[] columns, params (string, double[,])[] panels) =>
        new("m", "Bits per byte", rows, columns, panels);

    [Fact]
    public void It_prints_every_value_and_marks_the_best_of_each_row()
    {
        var map = Map(["novels", "bible"], ["seed", "dense", "ensemble"],
            ("", new[,] { { 2.31, 2.094, 2.001 }, { 2.082, double.NaN, 1.843 } }));
        var read = new Picture((map with { Caption = "bits per byte", LowerIsBetter = true }).ToSvg());
        string[] texts = [.. read.Xml.Descendants().Where(e => e.Name.LocalName == "text").Select(t => t.Value)];
        Assert.All(["2.31", "2.09", "2.00", "2.08", "1.84", "novels", "bible", "seed", "ensemble", "bits per byte"],
            v => Assert.Contains(v, texts));
        Assert.Equal(["2.00", "1.84"], read.Texts("best"));
        Assert.Single(read.Kind("void"));
        Assert.DoesNotContain("NaN", read.Xml.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Values_must_fit_the_names() =>
        Assert.Throws<ArgumentException>(() => Map(["a"], ["b", "c"], ("p", new double[1, 1])).ToSvg());

    [Fact]
    public void Equal_values_and_no_values_are_drawn()
    {
        XDocument.Parse(Map(["a"], ["b"], ("", new[,] { { 1.0 } })).ToSvg());
        XDocument.Parse(Map([], [], ("", new double[0, 0])).ToSvg());
        XDocument.Parse(Map(["a"], ["b"], ("", new[,] { { double.NaN } })).ToSvg());
    }

    [Fact]
    public void Panels_stand_inside_the_picture_and_break_lines_that_would_be_too_wide()
    {
        var values = new[,] { { 70.4, 29.6 }, { double.NaN, 100 } };
        HeatMap Grid(int panels) => Map(["novels", "bible"], ["novels", "bible & more"],
            [.. Enumerable.Range(0, panels).Select(l => ($"layer {l}", values))]) with
        { Range = (0, 100), Format = "F0" };
        var read = new Picture(Grid(12).ToSvg());
        string[] texts = [.. read.Xml.Descendants().Where(e => e.Name.LocalName == "text").Select(t => t.Value)];
        Assert.All(["layer 0", "layer 11", "bible & more", "70"], text => Assert.Contains(text, texts));
        Assert.Equal(12 + 1, texts.Count(t => t == "100")); // a cell in each panel and the end of the scale
        Assert.All(read.Xml.Descendants().Where(e => e.Name.LocalName == "rect" && e.Attribute("x") is not null), r =>
        {
            Assert.InRange(Picture.Coordinate(r, "x") + Picture.Coordinate(r, "width"), 0, read.Bounds.Width);
            Assert.InRange(Picture.Coordinate(r, "y") + Picture.Coordinate(r, "height"), 0, read.Bounds.Height);
        });
        Assert.True(read.Bounds.Width <= 1240);
        Assert.True(read.Bounds.Height > new Picture(Grid(2).ToSvg()).Bounds.Height);
    }
}
