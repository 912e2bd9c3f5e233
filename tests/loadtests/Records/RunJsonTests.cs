using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Records;

public sealed class RunJsonTests : IDisposable
{
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"btx-run-{Guid.NewGuid():N}.jsonl");

    private static RequestRecord Record(int index) => new(Index: index, Due: 0.25 * index, Sent: 0.25 * index + 0.001, FirstToken: 1,
        End: 2, PromptTokens: 7, CompletionTokens: 3, Domain: "bible", Status: "ok", Finish: "length")
    { Gaps = [0.5f, 0.25f] };

    [Fact]
    public void A_record_comes_back_as_it_was()
    {
        RunJson.WriteText(_file, System.Text.Json.JsonSerializer.Serialize(Record(3), RunJson.Line) + "\n");
        var read = Assert.Single(RunJson.ReadLines<RequestRecord>(_file));
        Assert.Equal(Record(3) with { Gaps = read.Gaps }, read);
        Assert.Equal([0.5f, 0.25f], read.Gaps);
        Assert.True(read.Ok);
    }

    [Fact]
    public void A_last_line_that_was_cut_off_is_left_out_and_damage_before_it_is_refused()
    {
        var lines = Enumerable.Range(0, 3).Select(i => System.Text.Json.JsonSerializer.Serialize(Record(i), RunJson.Line)).ToArray();
        File.WriteAllText(_file, $"{lines[0]}\n{lines[1]}\n{lines[2][..40]}");
        Assert.Equal([0, 1], RunJson.ReadLines<RequestRecord>(_file).Select(r => r.Index));
        File.WriteAllText(_file, $"{lines[0]}\n{lines[1][..40]}\n{lines[2]}\n");
        Assert.Contains("line 2", Assert.Throws<LoadTestException>(() => RunJson.ReadLines<RequestRecord>(_file)).Message);
    }

    [Theory]
    [InlineData("top_k", 2, null, "top_k-k2-c4-fp32-intra-op-threads=2", "top_k:k=2@fp32")]
    [InlineData("ensemble", 4, null, "ensemble-c4-fp32-intra-op-threads=2", "ensemble@fp32")]
    [InlineData("moe", 2, 1.5, "moe-k2-r1.5-fp32-intra-op-threads=2", "moe:k=2@fp32")]
    public void Settings_have_a_name_and_a_quality(string mode, int k, double? rate, string name, string quality)
    {
        var settings = new PointSettings(mode, k, rate is null ? "closed" : "open", rate is null ? 4 : null, rate, "fp32",
            new Dictionary<string, string> { ["--intra-op-threads"] = "2" });
        Assert.Equal(name, settings.Name);
        Assert.Equal(quality, QualityKey.Of(settings));
    }

    public void Dispose() => File.Delete(_file);
}
