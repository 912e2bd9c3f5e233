using System.Text.Json.Nodes;
using Btx.LoadTests.Sweeps;
using Btx.LoadTests.Records;
using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class EvaluationQualityTests : IDisposable
{
    private static readonly ServedFacts Served = new(["ada", "bob"], ["prose", "code"], ["x", "y"], [1, 2], 2, 128, "fp32", "a forest");
    private readonly string _file = Path.Combine(Path.GetTempPath(), $"btx-evaluation-{Guid.NewGuid():N}.json");
    private readonly List<string> _notes = [];

    public EvaluationQualityTests() => Write("per_token");

    [Fact]
    public void Each_kind_of_point_gets_the_evaluations_own_figures()
    {
        var table = Read(
            Point("ensemble", 2), Point("ensemble", 2) with { Concurrency = 8 }, Point("top_k", 1), Point("top_k", 2), Point("moe", 1),
                Point("moe", 2), Point("average", 1), Point("expert:bob", 1), Point("expert", 1),
            Point("top_p:0.9", null), Point("peer:dense", null));
        Assert.Equal(1, table.BitsPerByte["ensemble@fp32"]["prose"]);
        Assert.Equal(2, table.BitsPerByte["top_k:k=1@fp32"]["prose"]);
        Assert.Equal(1, table.BitsPerByte["top_k:k=2@fp32"]["prose"]); // all of two
        Assert.Equal(4, table.BitsPerByte["moe:k=1@fp32"]["prose"]);
        Assert.Equal(3, table.BitsPerByte["moe:k=2@fp32"]["prose"]); // the model's own k
        Assert.Equal(5, table.BitsPerByte["average@fp32"]["prose"]);
        Assert.Equal(7, table.BitsPerByte["expert:bob@fp32"]["prose"]);
        Assert.Equal((6, 17), (table.BitsPerByte["expert@fp32"]["prose"], table.BitsPerByte["expert@fp32"]["code"])); // each domain's own
        Assert.Equal(8, table.BitsPerByte["top_p:0.9@fp32"]["prose"]);
        Assert.Equal(9, table.BitsPerByte["peer:dense@fp32"]["prose"]);
        Assert.Equal(101, table.Perplexity["ensemble@fp32"]["prose"]);
        Assert.Empty(_notes);
    }

    [Fact]
    public void Points_of_another_precision_stay_without_and_that_is_said()
    {
        var table = Read(Point("ensemble", 2) with { Precision = "fp16" }, Point("average:law", 1));
        Assert.Empty(table.BitsPerByte);
        Assert.Equal(2, _notes.Count);
        Assert.Contains("ensemble@fp16", _notes[0], StringComparison.Ordinal);
        Assert.Contains("--quality-tokens", _notes[0], StringComparison.Ordinal);
        Assert.Contains("average:law@fp32", _notes[1], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("per_token", "choose for every token (per_token)")]
    [InlineData("prompt", "choose once")]
    public void The_source_names_how_experts_were_chosen(string select, string said)
    {
        Write(select);
        Assert.Contains(said, Read(Point("ensemble", 2)).Source, StringComparison.Ordinal);
    }

    [Fact]
    public void An_evaluation_of_other_experts_is_refused()
    {
        var fault = Assert.Throws<LoadTestException>(() =>
            EvaluationQuality.Read(_file, [Point("ensemble", 1)], Served with { Experts = ["ada"], Domains = ["prose"] }, _notes));
        Assert.Contains("is of the experts ada, bob; those served are ada", fault.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("not json")]
    [InlineData("{}")]
    [InlineData("""{"bits_per_byte": 3}""")]
    public void What_is_no_evaluation_is_refused(string text)
    {
        File.WriteAllText(_file, text);
        Assert.StartsWith($"--evaluation {_file}: ", Assert.Throws<LoadTestException>(() => Read(Point("ensemble", 2))).Message,
            StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_file);

    private static PointSettings Point(string mode, int? k) => new(mode, k, "closed", 1, null, "fp32", new Dictionary<string, string>());

    private QualityTable Read(params PointSettings[] points) => EvaluationQuality.Read(_file, points, Served, _notes);

    private void Write(string select)
    {
        string[] names = ["ensemble", "top_1", "moe", "moe:k=1", "average:uniform", "expert:ada", "expert:bob", "top_p=0.9", "dense"];
        JsonObject Figures(double more) => new(names.Select((n, i) => KeyValuePair.Create(n, (JsonNode?)(i + 1 + more))));
        File.WriteAllText(_file, new JsonObject
        {
            ["bits_per_byte"] = new JsonObject { ["prose"] = Figures(0), ["code"] = Figures(10) },
            ["perplexity"] = new JsonObject { ["prose"] = Figures(100), ["code"] = Figures(110) },
            ["form"] = new JsonObject { ["split"] = "test", ["context"] = 128, ["max_tokens_per_domain"] = 1000, ["select"] = select },
        }.ToJsonString());
    }
}
