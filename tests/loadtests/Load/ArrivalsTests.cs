using Btx.LoadTests.Load;

namespace Btx.LoadTests.Tests.Load;

public sealed class ArrivalsTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"btx-trace-{Guid.NewGuid():N}");

    [Fact]
    public void Poisson_gaps_have_the_mean_and_the_variance_of_an_exponential()
    {
        double[] due = [.. Arrivals.Poisson(4).From(3).Take(20_001).Select(a => a.Due!.Value)];
        double[] gaps = [.. due.Skip(1).Zip(due, (b, a) => b - a)];
        var mean = gaps.Average();
        var variance = gaps.Average(g => (g - mean) * (g - mean));
        Assert.Equal(0.25, mean, 0.25 * 0.03); // 4 standard errors: 1 / sqrt(20000) each
        Assert.Equal(0.0625, variance, 0.0625 * 0.08); // standard error sqrt(8 / 20000)
        Assert.All(gaps, g => Assert.True(g > 0));
        // Counts in windows of a second: Poisson too, so the variance is the mean.
        var counts = due.TakeWhile(d => d < 4000).GroupBy(d => (int)d).ToDictionary(g => g.Key, g => g.Count());
        double[] windows = [.. Enumerable.Range(0, 4000).Select(i => (double)counts.GetValueOrDefault(i))];
        var middle = windows.Average();
        Assert.Equal(1, windows.Average(w => (w - middle) * (w - middle)) / middle, 0.1);
    }

    [Fact]
    public void Bursts_come_at_once_every_period_among_the_others()
    {
        var due = Arrivals.Bursts(2, 5, 10).From(1).TakeWhile(a => a.Due < 101).Select(a => a.Due!.Value).ToArray();
        Assert.Equal(due.Order(), due);
        Assert.Equal(Enumerable.Range(1, 10).Select(i => i * 10.0), due.GroupBy(d => d).Where(g => g.Count() == 5).Select(g => g.Key));
        Assert.Equal(Arrivals.Poisson(2).From(1).TakeWhile(a => a.Due < 101).Count(), due.Length - 50);
        Assert.Equal([3.0, 3.0, 6.0, 6.0], Arrivals.Bursts(0, 2, 3).From(1).Take(4).Select(a => a.Due!.Value));
    }

    [Theory]
    [InlineData("arrival,prompt_tokens,output_tokens,domain\n3,10,20,python\n1,,,\n")]
    [InlineData("{\"arrival\": 3, \"prompt_tokens\": 10, \"output_tokens\": 20, \"domain\": "
        + "\"python\"}\n\n{\"arrival\": 1, \"domain\": null}\n")]
    [InlineData("TIMESTAMP,ContextTokens,GeneratedTokens,domain\n1970-01-01 00:00:03.0000000,10,20,python\n1970-01-01 00:00:01,,,\n")]
    public void A_trace_is_read_in_its_forms(string text)
    {
        File.WriteAllText(_file, text);
        Assert.Equal([new Arrival(1), new(3, 10, 20, "python")], Arrivals.ReadTrace(_file));
        Assert.Equal([0.0, 1.0], Arrivals.Read("--arrivals", $"trace:{_file},2").From(0).Select(a => a.Due!.Value));
    }

    [Theory]
    [InlineData("", "line 1: expected JSON lines, or a header")]
    [InlineData("arrival\n", "holds no arrival")]
    [InlineData("when\n1\n", "line 1: expected JSON lines, or a header")]
    [InlineData("arrival,domain\n1\n", "line 2: 1 columns; the header has 2")]
    [InlineData("arrival\n1\nsoon\n", "line 3: arrival is \"soon\"; expected seconds")]
    [InlineData("arrival,output_tokens\n1,0\n", "line 2: output_tokens is \"0\"; expected a whole number above 0")]
    [InlineData("{\"arrival\": 1}\n{\"arrival\"\n", "line 2: not a JSON object")]
    [InlineData("{\"prompt_tokens\": 1}\n", "line 1: no arrival")]
    public void A_bad_trace_is_named_with_its_line(string text, string message)
    {
        File.WriteAllText(_file, text);
        Assert.Contains(message, Assert.Throws<LoadTestException>(() => Arrivals.ReadTrace(_file)).Message);
    }

    [Theory]
    [InlineData("closed:0")]
    [InlineData("closed:")]
    [InlineData("closed:1.5")]
    [InlineData("closed:100000000")]
    [InlineData("poisson:1e9")]
    [InlineData("bursts:1,1000000,0.1")]
    [InlineData("closed")]
    [InlineData("poisson:0")]
    [InlineData("poisson:-1")]
    [InlineData("poisson:NaN")]
    [InlineData("bursts:1,2")]
    [InlineData("bursts:1,0,2")]
    [InlineData("bursts:1,2,0")]
    [InlineData("trace:")]
    [InlineData("trace:/nowhere")]
    [InlineData("uniform:3")]
    public void Bad_arrivals_are_refused(string text) => Assert.Contains(text == "trace:/nowhere" ? "/nowhere" : $"--arrivals {text}: ",
    Assert.Throws<LoadTestException>(() => Arrivals.Read("--arrivals", text)).Message);

    [Fact]
    public void Arrivals_say_what_they_were_read_from()
    {
        foreach (var text in new[] { "closed:8", "poisson:4.5", "bursts:0.5,16,10" })
            Assert.Equal(text, Arrivals.Read("--arrivals", text).Text);
    }

    public void Dispose() => File.Delete(_file);
}
