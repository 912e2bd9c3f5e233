using Btx.LoadTests.Load;

namespace Btx.LoadTests.Tests.Load;

public sealed class LengthsTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"btx-lengths-{Guid.NewGuid():N}");

    [Fact]
    public void Lengths_follow_their_distribution()
    {
        Assert.All(Drawn("fixed:7"), n => Assert.Equal(7, n));
        Assert.All(Drawn("7"), n => Assert.Equal(7, n));
        var uniform = Drawn("uniform:3..6");
        Assert.Equal([3, 4, 5, 6], uniform.Distinct().Order());
        Assert.All(uniform.GroupBy(n => n), g => Assert.InRange(g.Count(), 2500 - 200, 2500 + 200));
        var lognormal = Drawn("lognormal:100,0.5");
        Assert.Equal(100, lognormal.Order().ElementAt(5000), 100 * 0.04);
        var logarithms = lognormal.Select(n => Math.Log(n)).ToArray();
        var middle = logarithms.Average();
        Assert.Equal(0.5, Math.Sqrt(logarithms.Average(l => (l - middle) * (l - middle))), 0.02);
        Assert.All(Drawn("lognormal:100,2,150"), n => Assert.InRange(n, 1, 150));
        File.WriteAllText(_file, "5\n9\n\n5\n");
        var empirical = Drawn($"empirical:{_file}");
        Assert.Equal([5, 9], empirical.Distinct().Order());
        Assert.Equal(2.0 / 3, empirical.Count(n => n == 5) / 10_000.0, 0.02);
        Assert.Equal(9, Lengths.Read("", $"empirical:{_file}").Max);
    }

    [Theory]
    [InlineData("fixed:0")]
    [InlineData("0")]
    [InlineData("-3")]
    [InlineData("uniform:0..4")]
    [InlineData("uniform:5..4")]
    [InlineData("uniform:5")]
    [InlineData("lognormal:5")]
    [InlineData("lognormal:0,1")]
    [InlineData("lognormal:50,1,20")]
    [InlineData("empirical:/nowhere")]
    [InlineData("normal:3")]
    public void Bad_lengths_are_refused(string text) => Assert.Contains(text.TrimStart('-').Split(':')[^1],
    Assert.Throws<LoadTestException>(() => Lengths.Read("--prompt-tokens", text)).Message);

    [Theory]
    [InlineData("5\nmany\n", "line 2: \"many\"")]
    [InlineData("\n", "holds no length")]
    public void A_bad_file_is_named_with_its_line(string text, string message)
    {
        File.WriteAllText(_file, text);
        Assert.Contains(message,
            Assert.Throws<LoadTestException>(() => Lengths.Read("--prompt-tokens", $"empirical:{_file}")).Message);
    }

    public void Dispose() => File.Delete(_file);

    private static int[] Drawn(string text)
    {
        var lengths = Lengths.Read("--prompt-tokens", text);
        var draws = new RandomStream(11, RandomStream.Prompts);
        var drawn = new int[10_000];
        for (var i = 0; i < drawn.Length; i++) drawn[i] = lengths.Draw(draws);
        return drawn;
    }
}
