using Btx.LoadTests.Load;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Load;

public sealed class LoadFiguresTests
{
    private static RequestRecord Record(int index, double due, double sent, double first, double end, float[]? gaps = null,
        string status = "ok", bool warmUp = false) => new(Index: index, Due: due, Sent: sent, FirstToken: first, End: end,
            PromptTokens: 5, CompletionTokens: 1 + (gaps?.Length ?? 0), Domain: "d", Status: status,
            WarmUp: warmUp)
        { Gaps = gaps ?? [] };

    [Fact]
    public void Latencies_count_from_due_and_rates_count_what_arrived_in_the_measured_time()
    {
        RequestRecord[] records =
        [
            Record(0, 0, 0, 0.5, 3, [1, 1.25f], warmUp: true), // tokens at 0.5, 1.5, 2.75
            Record(1, 2, 2, 2.5, 3.5, [0.5f, 0.5f]), // 2.5, 3, 3.5
            Record(2, 2.5, 3.5, 4, 6.5, [1, 1]), // 4, 5, 6: the last after the end
            Record(3, 3, 3, 3.5, 4, status: "resource_exhausted"),
        ];
        var summary = LoadFigures.Of(records, 2, 5, new(0.75, null, null));
        Assert.Equal((3.0, 3, 1), (summary.Seconds, summary.Requests, summary.Failed));
        Assert.Equal(new Dictionary<string, int> { ["ok"] = 2, ["resource_exhausted"] = 1 }, summary.Statuses);
        Assert.Equal((10L, 6L), (summary.PromptTokens, summary.CompletionTokens));
        Assert.Equal(6 / 3.0, summary.TokensPerSecond); // 2.75; 2.5, 3, 3.5; 4, 5
        Assert.Equal(2 / 3.0, summary.RequestsPerSecond); // 0 and 1 ended
        Assert.Equal(1, summary.OfferedPerSecond);
        Assert.Equal(1 / 3.0, summary.GoodputPerSecond);
        Assert.Equal((0.5 + 1.5) / 2, summary.TimeToFirstToken!.Mean);
        Assert.Equal((1.5 + 4) / 2, summary.EndToEnd!.Mean);
        Assert.Equal((1.5 + 3) / 2, summary.EndToEndFromSent!.Mean);
        Assert.Equal((0.75, 1.0, 4), (summary.InterToken!.Mean, summary.InterToken.Max, summary.InterToken.P50.Count));
    }

    [Fact]
    public void A_load_without_a_success_has_counts_and_no_latencies()
    {
        var summary = LoadFigures.Of([Record(0, 1, 1, 1, 1, status: "unreachable")], 1, 2, new(null, null, 1));
        Assert.Equal((1, 1, 0.0, 0.0), (summary.Requests, summary.Failed, summary.TokensPerSecond, summary.GoodputPerSecond!.Value));
        Assert.Null(summary.TimeToFirstToken);
        Assert.Null(summary.InterToken);
        Assert.Null(summary.EndToEnd);
        Assert.Equal(0, LoadFigures.Of([], 0, 0).TokensPerSecond);
    }

    [Fact]
    public void An_objective_says_who_met_it_and_who_came_nearest()
    {
        RequestRecord[] records = [Record(0, 0, 0, 0.2, 1, [0.1f, 0.3f]), Record(1, 0, 0, 0.4, 2, [0.1f]),
            Record(2, 0, 0, 0, 9, status: "timeout")];
        Assert.Equal("1 of 3 requests (33.3 %) met the objective: less than the 99.0 % asked for",
            ObjectiveCheck.Verdict(new(0.3, 0.21, 1.5), records).Replace("33.3%", "33.3 %").Replace("99.0%", "99.0 %"));
        Assert.Contains("at least the", ObjectiveCheck.Verdict(new(0.3, null, null, 0.3), records));
        Assert.Equal("no request met the objective; the nearest had end-to-end latency 1 s, 2.0 times the limit of 0.5 s",
            ObjectiveCheck.Verdict(new(null, null, 0.5), records));
        Assert.Equal("no request met the objective: none of 1 succeeded", ObjectiveCheck.Verdict(new(null, null, 0.5), records[2..]));
        Assert.Equal(new ServiceObjective(0.5, 0.05, 2, 0.9), ObjectiveCheck.Read("--objective", "ttft=0.5,itl=0.05,e2e=2,share=0.9"));
    }

    [Theory]
    [InlineData("fast")]
    [InlineData("ttft=0")]
    [InlineData("ttft=x")]
    [InlineData("ttft=1,ttft=2")]
    [InlineData("share=0.5")]
    [InlineData("ttft=1,share=1.5")]
    public void A_bad_objective_is_refused(string text) => Assert.StartsWith($"--objective {text}: ",
    Assert.Throws<LoadTestException>(() => ObjectiveCheck.Read("--objective", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_page_of_metrics_is_read_and_its_differences_are_the_servers_figures()
    {
        const string Before =
            "# HELP x y\nbtx_requests_total{mode=\"top_k\",outcome=\"length\"} 2\nbtx_decode_steps_total "
            + "10\nbtx_step_duration_seconds_count 4\nbtx_expert_steps_total{expert=\"a\"} 1\nbroken{\n";
        const string After = """
            btx_requests_total{mode="top_k",outcome="length"} 5
            btx_requests_total{mode="moe",outcome="stop"} 1 1700000000
            btx_decode_steps_total 30
            btx_decode_rows_total 60
            btx_decode_seconds_total 0.5
            btx_step_duration_seconds_count 9
            btx_step_duration_seconds_sum 2.5
            btx_request_duration_seconds_sum{mode="top_k"} 6
            btx_request_duration_seconds_count{mode="top_k"} 4
            btx_expert_steps_total{expert="a"} 8
            btx_expert_steps_total{expert="q\"\\"} 2
            btx_expert_decode_runs_total{expert="a"} 20
            btx_expert_decode_runs_total{expert="b"} 10
            btx_moe_expert_decode_runs_total{layer="0",expert="a"} 20
            btx_moe_expert_decode_runs_total{layer="1",expert="a"} 30
            """;
        var figures = new MetricsPage(After).Since(new(Before));
        Assert.Equal((4.0, 5.0, 2.5), (figures.Requests, figures.Steps, figures.StepSeconds));
        Assert.Equal((20.0, 3.0, 0.5), (figures.DecodeSteps, figures.MeanBatch, figures.DecodeSeconds));
        Assert.Equal((1.5, 1.25), (figures.DistinctExperts!.Value, figures.DistinctMixtureExperts!.Value));
        Assert.Equal((1.5, 0.0), (figures.MeanRequestSeconds, figures.MeanTimeToFirstToken));
        Assert.Equal(new Dictionary<string, double> { ["a"] = 7, ["q\"\\"] = 2 }, figures.ExpertSteps);
    }
}
