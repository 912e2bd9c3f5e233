using Btx.Engine;
using Btx.Server.Metrics;
using Btx.Server.Tests.Fakes;
using Prometheus;

namespace Btx.Server.Tests.Metrics;

/// <summary>The page has the experts that are served, and no others.</summary>
public sealed class RemovedExpertTests
{
    [Fact]
    public async Task Series_go_with_their_experts_and_counts_of_the_others_stay()
    {
        var registry = Prometheus.Metrics.NewCustomRegistry();
        var metrics = new EngineMetrics(registry);
        var forest = new FakeEngine(RunningServer.SomeTokenizer).Forest;
        metrics.OnForest(forest);
        metrics.OnStep(new()
        {
            Duration = TimeSpan.FromMilliseconds(1),
            RunningSequences = 1,
            QueuedRequests = 0,
            PrefillTokens = 0,
            GeneratedTokens = 1,
            Experts = forest.Experts.ToArray(),
            ExpertRows = new[] { 1, 2, 3 },
            PosteriorMass = new[] { 0.5, 0.25, 0.25 },
            MoeExperts = forest.Moe!.Experts.ToArray(),
            RoutedTokens = new[] { 1, 1, 0, 0, 0, 1 },
            GateMass = new[] { 0.75, 0.25, 0, 0, 0, 1 },
        });
        Assert.Equal(3 + 3 + 3 + 6 + 6 + 6, (await Series(registry)).Length);

        metrics.OnForest(forest with { Experts = ["novels", "german"], Moe = forest.Moe with { Experts = ["python", "fables"] } });
        var left = await Series(registry);
        Assert.Equal(2 + 2 + 2 + 4 + 4 + 4, left.Length);
        Assert.Contains("btx_expert_steps_total{expert=\"german\"} 3", left);
        Assert.Contains("btx_moe_gate_mass_total{layer=\"1\",expert=\"fables\"} 1", left);
        Assert.DoesNotContain(left,
            line => line.StartsWith("btx_expert", StringComparison.Ordinal) && line.Contains("python", StringComparison.Ordinal));

        metrics.OnForest(forest with { Experts = ["novels", "german", "python"], Moe = null });
        Assert.Equal(3 + 3 + 3, (await Series(registry)).Length);
        Assert.Contains("btx_expert_steps_total{expert=\"python\"} 0", await Series(registry));
    }

    private static async Task<string[]> Series(CollectorRegistry registry)
    {
        using var page = new MemoryStream();
        await registry.CollectAndExportAsTextAsync(page, TestContext.Current.CancellationToken);
        return [.. System.Text.Encoding.UTF8.GetString(page.ToArray()).Split('\n')
            .Where(line => line.Contains("expert=", StringComparison.Ordinal) && line[0] != '#')];
    }
}
