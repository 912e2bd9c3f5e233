using Btx.LoadTests.Planning;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Planning;

/// <summary>Closed-loop points of a server whose costs are known.</summary>
internal static class PlannedRuns
{
    public static readonly StepCosts Truth = new(0.001, 0.002, 0.0001, 0.00002, 0, []);

    public static IEnumerable<PointResult> Points(string mode = "top_k", int experts = 4, Func<PointSettings, double>? slower = null) =>
        from c in new[] { 1, 2, 4, 8 }
        from k in Enumerable.Range(1, experts)
        select Point(Planted.Closed(mode, k, c), experts, slower);

    private static PointResult Point(PointSettings settings, int experts, Func<PointSettings, double>? slower)
    {
        double k = settings.K!.Value, batch = settings.Concurrency!.Value, distinct = UnionFitting.Formula(experts, k, batch);
        var factor = slower?.Invoke(settings) ?? 1;
        var step = factor * Truth.StepTime(distinct, batch * k, 0);
        var seconds = (factor * 64 * (settings.Mode == "moe" ? k : experts) * Truth.PerPromptToken) + (32 * step / batch);
        var point = Planted.Point(settings, step, batch: batch, distinct: distinct, experts: experts, tokensPerSecond: 32 / seconds);
        return point with
        {
            Summary = point.Summary with
            {
                Requests = 1000,
                Failed = 0,
                PromptTokens = 64_000,
                CompletionTokens = 32_000
            }
        };
    }
}
