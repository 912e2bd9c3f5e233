using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Exporter;
using Btx.Fixtures;
using Btx.Model.Mixing;

namespace Btx.Engine.Tests;

/// <summary>An fp16 export is served: its log-probabilities are those of fp32 but for rounding, in each kind of session there is.</summary>
public sealed class HalfPrecisionTests(ServedForest forest)
{
    [Theory]
    [InlineData("ensemble")]
    [InlineData("uniform")]
    [InlineData("expert")]
    public async Task Scores_differ_from_fp32_by_rounding_only(string mode)
    {
        var routing = mode == "expert" ? EngineCalls.Expert("beta")
            : new Routing { Mode = mode == "uniform" ? RoutingMode.Average : RoutingMode.Ensemble };
        using var half = new TinyServedForest(new TinyForest(), o => o with { Precision = GraphPrecision.Fp16 });
        var request = new ScoreRequest([256, 84, 104, 101, 32, 99, 97, 116, 9, 200], routing);
        var expected = await Score(forest.Options, request);
        var scored = await Score(forest.Options with { Directory = half.Served }, request);
        Assert.NotEqual(expected, scored);
        for (var i = 0; i < expected.Count; i++) Assert.Equal(expected[i], scored[i], 0.05);
    }

    private static async Task<IReadOnlyList<double>> Score(EngineOptions options, ScoreRequest request)
    {
        await using var engine = ForestEngine.Start(options);
        return [.. (await engine.ScoreAsync(request, TestContext.Current.CancellationToken)).LogProbs.Select(p => (double)p)];
    }
}
