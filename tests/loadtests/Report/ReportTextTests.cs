using System.Xml.Linq;
using Btx.LoadTests.Records;
using Btx.LoadTests.Report;
using FsCheck;
using FsCheck.Fluent;

namespace Btx.LoadTests.Tests.Report;

public sealed class ReportTextTests
{
    [Fact]
    public void Estimates_carry_their_interval()
    {
        Assert.Equal("12.3 (11 to 14)", Amount.Of(new Estimate(0.0123, 0.011, 0.014, 3), 1000));
        Assert.Equal("12.3", Amount.Of(new Estimate(0.0123, null, null, 1), 1000));
        Assert.Equal("–", Amount.Of((Estimate?)null));
    }

    [Fact]
    public void Names_of_domains_experts_and_options_cannot_break_out_of_the_page_nor_of_the_tables()
    {
        var names = Gen.OneOf(Gen.Elements("<script>alert(1)</script>", "a|b", "`x", "</td></table>", "\"'&amp;", "]](x)", "\u0001\uFFFF",
            "日本"), ArbMap.Default.GeneratorFor<NonNull<string>>().Select(s => s.Get));
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(30), Prop.ForAll(names.ToArbitrary(), name =>
        {
            using var run = new SyntheticRun();
            for (var repeat = 0; repeat < 2; repeat++)
            {
                for (var k = 1; k <= 3; k++) run.Closed("top_k", k, 1, repeat);
                run.Closed($"expert:{name}", 1, 1, repeat);
            }

            var model = new RunFiles(name)
            {
                Points = run.Points,
                Quality = new(name, new Dictionary<string, IReadOnlyDictionary<string, double>>
                {
                    [$"{name}@fp32"] =
                    new Dictionary<string, double> { [name] = 2 }
                }, new Dictionary<string, IReadOnlyDictionary<string, double>>()),
                Change = SyntheticRun.Change() with { Expert = name },
                Description = SyntheticRun.Description() with { Command = name },
                Faults = [name],
            };
            var page = ReportPage.Of(ReportModel.Of(model, null, [2]));
            var html = HtmlPage.Of(page);
            var parsed = XDocument.Parse(html[html.IndexOf('\n', StringComparison.Ordinal)..]);
            Assert.DoesNotContain(parsed.Descendants(), e => e.Name.LocalName == "script");
            foreach (var table in parsed.Descendants("table").Where(t => t.Element("thead") is not null))
                Assert.All(table.Element("tbody")!.Elements(), r => Assert.Equal(table.Descendants("th").Count(), r.Elements().Count()));
            var markdown = MarkdownPage.Of(page).Split('\n');
            for (var i = 1; i < markdown.Length; i++)
            {
                if (markdown[i].StartsWith("| ", StringComparison.Ordinal) && markdown[i - 1].StartsWith('|'))
                    Assert.Equal(Bars(markdown[i - 1]), Bars(markdown[i]));
            }
        }));

        static int Bars(string line) =>
            line.Replace("\\\\", "", StringComparison.Ordinal).Replace("\\|", "", StringComparison.Ordinal).Count(c => c == '|');
    }

    [Theory]
    [InlineData("a|b", "a\\|b")]
    [InlineData("top_k <x> & [y]", "top\\_k &lt;x&gt; &amp; \\[y\\]")]
    [InlineData("run `btx a_b --c`", "run `btx a_b --c`")]
    [InlineData("one ` quote_", "one \\` quote\\_")]
    public void Markdown_shows_text_as_it_is_and_keeps_code(string text, string escaped) =>
    Assert.Equal(escaped, MarkdownPage.Escape(text));

    [Fact]
    public void Points_are_named_by_what_differs()
    {
        var options = new Dictionary<string, string>();
        PointSettings plain = new("top_k", 2, "closed", 4, null, "fp32", options), half = plain with { Precision = "fp16" },
            open = new("ensemble", 4, "open", null, 2.5, "fp32", options);
        Assert.Equal("top_k, k = 2, 4 in flight", new PointLabels([plain, open]).Full(plain));
        Assert.Equal("ensemble, 2.5 requests/s", new PointLabels([plain, open]).Full(open));
        Assert.Equal("top_k, k = 2, fp16", new PointLabels([plain, half]).Model(half));
        var threads = plain with { Options = new Dictionary<string, string> { ["--threads"] = "2" } };
        Assert.Equal("top_k, k = 2, --threads 2", new PointLabels([plain, threads]).Model(threads));
    }
}
