using Btx.LoadTests.Records;

namespace Btx.LoadTests.Measuring;

/// <summary>What a server did between two readings of its counters.</summary>
internal static class ServerDifference
{
    public static ServerFigures Of(MetricsPage before, MetricsPage after)
    {
        double Delta(string name) => after.Sum(name) - before.Sum(name);
        double Mean(string histogram) => Delta(histogram + "_count") is var count and > 0 ? Delta(histogram + "_sum") / count : 0;
        Dictionary<string, double> By(string name, string label)
        {
            var old = before.By(name, label);
            return after.By(name, label).ToDictionary(s => s.Key, s => s.Value - old.GetValueOrDefault(s.Key));
        }

        var steps = Delta("btx_decode_steps_total");
        double? Distinct(string name, int layers) => steps > 0 && Delta(name) is var runs and > 0 ? runs / steps / layers : null;
        return new()
        {
            Requests = Delta("btx_requests_total"),
            CompletionTokens = Delta("btx_completion_tokens_total"),
            PrefillTokens = Delta("btx_prefill_tokens_total"),
            Steps = Delta("btx_step_duration_seconds_count"),
            StepSeconds = Delta("btx_step_duration_seconds_sum"),
            MeanTimeToFirstToken = Mean("btx_time_to_first_token_seconds"),
            MeanRequestSeconds = Mean("btx_request_duration_seconds"),
            ExpertSteps = By("btx_expert_steps_total", "expert"),
            DecodeSteps = steps,
            DecodeSeconds = Delta("btx_decode_seconds_total"),
            MeanBatch = steps > 0 ? Delta("btx_decode_rows_total") / steps : 0,
            DistinctExperts = Distinct("btx_expert_decode_runs_total", 1),
            DistinctMixtureExperts = Distinct("btx_moe_expert_decode_runs_total",
                Math.Max(1, after.By("btx_moe_expert_decode_runs_total", "layer").Count)),
        };
    }
}
