using System.Text;
using Btx.Engine;
using Btx.Server.Metrics;
using Prometheus;

namespace Btx.Server.Tests.Metrics;

/// <summary>What is counted of steps that only decode.</summary>
public sealed class DecodeStepTests
{
    private static readonly string[] Experts = ["novels", "python", "german"];
    private static readonly string[] Moe = ["prose", "code"];
    private static readonly double[] Mass = new double[4];

    private readonly EngineMetrics _metrics = new(Prometheus.Metrics.NewCustomRegistry());

    [Fact]
    public async Task Steps_that_prefill_or_give_nothing_do_not_count()
    {
        _metrics.OnStep(Step(prefill: 0, tokens: 4, rows: [4, 0, 1], routed: [3, 0, 2, 2]));
        _metrics.OnStep(Step(prefill: 0, tokens: 2, rows: [2, 0, 0], routed: [2, 0, 0, 2]));
        _metrics.OnStep(Step(prefill: 7, tokens: 3, rows: [3, 3, 3], routed: [3, 3, 3, 3]));
        _metrics.OnStep(Step(prefill: 0, tokens: 0, rows: [0, 1, 0], routed: [0, 1, 1, 1]));
        var page = await PageAsync();
        Assert.Contains("btx_decode_steps_total 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_decode_seconds_total 0.5\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_decode_rows_total 6\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_expert_decode_runs_total{expert=\"novels\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_expert_decode_runs_total{expert=\"python\"} 0\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_expert_decode_runs_total{expert=\"german\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_decode_runs_total{layer=\"0\",expert=\"prose\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_decode_runs_total{layer=\"0\",expert=\"code\"} 0\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_decode_runs_total{layer=\"1\",expert=\"prose\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_decode_runs_total{layer=\"1\",expert=\"code\"} 2\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_allocates_nothing()
    {
        var step = Step(prefill: 0, tokens: 4, rows: [4, 0, 1], routed: [3, 0, 2, 2]);
        _metrics.OnStep(step);
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) _metrics.OnStep(step);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static StepReport Step(int prefill, int tokens, int[] rows, int[] routed) => new()
    {
        Duration = TimeSpan.FromMilliseconds(250),
        RunningSequences = 4,
        QueuedRequests = 0,
        PrefillTokens = prefill,
        GeneratedTokens = tokens,
        Experts = Experts,
        ExpertRows = rows,
        PosteriorMass = Mass.AsMemory(0, 3),
        MoeExperts = Moe,
        RoutedTokens = routed,
        GateMass = Mass,
    };

    private async Task<string> PageAsync()
    {
        using var page = new MemoryStream();
        await _metrics.Registry.CollectAndExportAsTextAsync(page, TestContext.Current.CancellationToken);
        return Encoding.UTF8.GetString(page.ToArray());
    }
}
