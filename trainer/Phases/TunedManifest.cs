using Btx.Model.Moe;
using Btx.Trainer.Corpora;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>What <c>btx.json</c> says of a mixture after a fine-tune: experts and lineage as before, how the router works
/// now, and on what it was tuned in all.</summary>
internal static class TunedManifest
{
    /// <param name="job">A mixture's.</param>
    /// <param name="cache">Of the job's text.</param>
    /// <param name="steps">Done.</param>
    /// <param name="sha256">Of the new weights.</param>
    public static BtxManifest Of(TrainingJob job, TokenShardCache cache, long steps, string sha256)
    {
        var (tuning, earlier) = (job.Moe!, job.Moe!.Source.FineTune);
        var tokens = steps * job.Options.TokensPerStep;
        var all = tokens + (earlier?.Tokens ?? 0);
        SortedDictionary<string, string> corpora = new(earlier?.Corpora.ToDictionary() ?? [], StringComparer.Ordinal);
        SortedDictionary<string, double> weights = new(StringComparer.Ordinal);
        foreach (var (domain, weight) in earlier?.Weights ?? new Dictionary<string, double>())
            weights[domain] = weight * earlier!.Tokens / all;
        for (var i = 0; i < job.Sources.Count; i++)
        {
            var source = job.Sources[i];
            corpora[source.Name] = cache.Key(source, CorpusSplit.Train);
            weights[source.Name] = weights.GetValueOrDefault(source.Name) + ((job.Weights?[i] ?? (1.0 / job.Sources.Count)) * tokens / all);
        }

        return tuning.Source with
        {
            Architecture = job.Architecture.Fingerprint(),
            Sha256 = sha256,
            Router = tuning.Source.Router with
            {
                Kind = tuning.Routing.Router,
                ExpertsPerToken = tuning.ExpertsPerToken,
                SoftLayers = tuning.Routing.SoftLayers
            },
            FineTune = new()
            {
                Tokens = all,
                Steps = steps + (earlier?.Steps ?? 0),
                Corpora = corpora,
                Weights = weights,
                LoadBalancing = tuning.Routing.LoadBalancing,
                FrozenExperts = tuning.FreezeExperts && (earlier?.FrozenExperts ?? true),
            },
        };
    }
}
