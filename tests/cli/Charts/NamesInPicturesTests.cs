using Btx.Cli.Charts;
using FsCheck;
using FsCheck.Fluent;

namespace Btx.Cli.Tests.Charts;

/// <summary>Whatever names and numbers come, a picture is well-formed and keeps within its frame.</summary>
public sealed class NamesInPicturesTests
{
    private static readonly Gen<string> Names = Gen.OneOf(
        Gen.Elements("<&>\"'", "]]>", "</svg>", "<script>alert(1)</script>", "&amp;", "日本語の専門家", new string('W', 400), "", " ",
            "\u0000\u0007\uFFFF", "\uD800", "a\nb", "🦊🦊"),
        ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get));

    private static readonly Gen<double> Numbers = Gen.OneOf(
        Gen.Elements(0, -1, 1e-300, 1e300, double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.Epsilon,
            double.MaxValue, 1),
        Gen.Choose(-1000, 100000).Select(n => n / 100.0));

    [Fact]
    public void A_chart_of_anything_is_well_formed()
    {
        var drawn =
            from names in Names.ListOf(6)
            from numbers in Numbers.ListOf(24)
            from logarithmic in ArbMap.Default.GeneratorFor<bool>()
            from joined in ArbMap.Default.GeneratorFor<bool>()
            select (Names: names, Numbers: numbers, Logarithmic: logarithmic, Joined: joined);
        Prop.ForAll(drawn.ToArbitrary(), d =>
        {
            var n = d.Numbers;
            Series Of(int i) =>
                new(d.Names[i], [.. Enumerable.Range(0, 3).Select(p => new Datum(n[(i * 12) + (p * 4)], n[(i * 12) + (p * 4) + 1],
                n[(i * 12) + (p * 4) + 2], n[(i * 12) + (p * 4) + 3], Label: d.Names[2]))], SeriesStyle.Of(i))
                { Joined = d.Joined };
            var axis = new Axis(d.Names[3]) { Logarithmic = d.Logarithmic };
            Keeps(new Chart("c", d.Names[4], axis, [new Panel(axis, [Of(0), Of(1)]) { Levels = [new(n[0], d.Names[5])] }])
            {
                Caption = d.Names[2],
                Marks = [new(n[1], d.Names[0])],
                Shades = [new(n[2], n[3], d.Names[1])],
            }.ToSvg());
            Series Row(int i) => Of(i) with
            {
                Points = [.. Of(i).Points.Select((p, at) => new Datum(p.X, at, Left: p.Low, Right: p.High))]
            };
            Keeps(new Chart("d", d.Names[4], axis, [new Panel(new Axis("") { Rows = [.. d.Names.Take(3)] }, [Row(0), Row(1)])])
            {
                Caption = d.Names[2],
                Marks = [new(n[1], d.Names[0])]
            }.ToSvg());
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("plain", "plain")]
    [InlineData("<b>&\"'", "&lt;b&gt;&amp;&quot;&apos;")]
    [InlineData("a\u0000b", "a\uFFFDb")]
    public void Text_is_escaped(string text, string escaped) => Assert.Equal(escaped, XmlText.Escape(text));

    [Fact]
    public void A_long_text_is_cut_in_its_middle_and_a_caption_is_broken_between_words()
    {
        var cut = TextWidth.Fit("top_k with a very long list of further server options=1", 12, 150);
        Assert.True(TextWidth.Of(cut, 12) <= 150);
        Assert.StartsWith("top_k", cut, StringComparison.Ordinal);
        Assert.EndsWith("=1", cut, StringComparison.Ordinal);
        Assert.Contains("…", cut, StringComparison.Ordinal);
        Assert.Equal("short", TextWidth.Fit("short", 12, 150));
        var lines = TextWidth.Wrap("one two three four five six seven", 12, 70);
        Assert.Equal("one two three four five six seven", string.Join(' ', lines));
        Assert.All(lines, l => Assert.True(TextWidth.Of(l, 12) <= 70));
    }

    private static void Keeps(string svg)
    {
        var read = new Picture(svg);
        var (_, _, width, height) = read.Bounds;
        Assert.DoesNotContain("NaN", string.Concat(read.Xml.Descendants().SelectMany(e => e.Attributes()).Where(a =>
            a.Name.LocalName is "x" or "y" or "x1" or "y1" or "points" or "d" or "transform")
            .Select(a => a.Value)), StringComparison.Ordinal);
        Assert.All(read.Markers().Select(Picture.Place), p =>
        {
            Assert.InRange(p.X, 0, width);
            Assert.InRange(p.Y, 0, height);
        });
        Assert.DoesNotContain(read.Xml.Descendants(), e => e.Name.LocalName is "script" or "b");
    }
}
