using Btx.LoadTests.Costs;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Planning;

/// <summary>Step costs from measured points: what the planning predicts with, and is checked with.</summary>
public static class StepCostFit
{
    /// <summary>Points that the model is about: a forest's (<c>top_k</c>, <c>ensemble</c>) or a BTX
    /// model's, of one build, in the closed loop.</summary>
    public static IReadOnlyList<MeasuredSettings> Places(IEnumerable<MeasuredSettings> measured, string form) =>
    [
        .. measured.Where(m => LineFitting.FormOf(m) == form && m.K is not null && m.Settings.Concurrency is not null
            && Experts(m) is not null && Step(m) is > 0 && Cycle(m) is not null)
            .GroupBy(m => Wording.Build(m.Settings)).OrderByDescending(g => g.Count()).FirstOrDefault()
            ?? Enumerable.Empty<MeasuredSettings>(),
    ];

    /// <summary>Null if the points do not tell what an expert costs.</summary>
    public static StepCosts? Of(IReadOnlyList<MeasuredSettings> places)
    {
        double[][] rows = [.. places.Select(m => new[] { 1, Distinct(m), Batch(m) * m.K!.Value })];
        double[] y = [.. places.Select(m => Step(m)!.Value)], weights = [.. y.Select(v => 1 / (v * v))];
        // All three; without rows; without a constant: the first in which nothing costs less than nothing.
        foreach (var columns in new int[][] { [0, 1, 2], [0, 1], [1, 2], [1] })
        {
            if (places.Count < columns.Length + 1) continue;
            LeastSquares fit;
            try
            {
                fit = LeastSquares.Fit([.. rows.Select(r => columns.Select(c => r[c]).ToArray())], y, weights);
            }
            catch (ArgumentException)
            {
                continue;
            }

            if (fit.Coefficients.Any(c => c < 0)) continue;
            double At(int column) => Array.IndexOf(columns, column) is >= 0 and var i ? fit.Coefficients[i] : 0;
            var costs = new StepCosts(At(0), At(1), At(2), 0, 0, []);
            if (costs.PerExpert <= 0) continue;
            var prompt = Median.Value(places.Select(m =>
                Math.Max(0, (Cycle(m)!.Value.Seconds - (Cycle(m)!.Value.Output * Step(m)!.Value / Batch(m))) / PromptRows(m))));
            return costs with { PerPromptToken = prompt };
        }

        return null;
    }

    /// <summary>Seconds of the server for one request of a point with so many in flight, and tokens a second.</summary>
    public static (double Seconds, double TokensPerSecond) Predict(StepCosts costs, MeasuredSettings m, double batch)
    {
        var cycle = Cycle(m)!.Value;
        var step = costs.StepTime(UnionFitting.Formula(Experts(m)!.Value, m.K!.Value, batch), batch * m.K!.Value, 0);
        var seconds = (costs.PerPromptToken * PromptRows(m)) + (cycle.Output * step / batch);
        return (seconds, cycle.Output / seconds);
    }

    internal static int? Experts(MeasuredSettings m) =>
        (m.Settings.Mode == "moe" ? m.Repeats[0].MixtureExperts : m.Repeats[0].Experts) is { } n and > 0 ? n : null;

    private static double? Step(MeasuredSettings m) => (m.Middle(CostMetric.DecodeStep) ?? m.Middle(CostMetric.InterToken))?.Value;

    private static double Batch(MeasuredSettings m) => m.Middle(p => p.Server?.MeanBatch)?.Value is { } b and > 0 ? b
        : m.Settings.Concurrency!.Value;

    private static double Distinct(MeasuredSettings m) =>
        m.Middle(p => m.Settings.Mode == "moe" ? p.Server?.DistinctMixtureExperts : p.Server?.DistinctExperts)?.Value is { } d and > 0 ? d
        : UnionFitting.Formula(Experts(m)!.Value, m.K!.Value, Batch(m));

    // Prompt tokens times the experts that read them: all of a forest, the k of a BTX model.
    private static double PromptRows(MeasuredSettings m) =>
        Cycle(m)!.Value.Prompt * (m.Settings.Mode == "moe" ? m.K!.Value : Experts(m)!.Value);

    // Seconds for each request that ended, and its mean lengths.
    private static (double Seconds, double Prompt, double Output)? Cycle(MeasuredSettings m)
    {
        var done = m.Repeats.Select(r => r.Summary)
            .Where(s => s.Requests > s.Failed && s is { TokensPerSecond: > 0, CompletionTokens: > 0, PromptTokens: > 0 }).ToArray();
        if (done.Length == 0) return null;
        double requests = done.Sum(s => (double)s.Requests - s.Failed), output = done.Sum(s => (double)s.CompletionTokens) / requests,
            prompt = done.Sum(s => (double)s.PromptTokens) / requests;
        return (output / Median.Value(done.Select(s => s.TokensPerSecond)), prompt, output);
    }
}
