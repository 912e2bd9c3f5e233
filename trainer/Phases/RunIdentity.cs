using System.Globalization;
using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>What a run is, as text by flag or subject: two invocations with equal entries are the same run.</summary>
internal static class RunIdentity
{
    public static SortedDictionary<string, string> Of(TrainingJob job, TokenShardCache cache, TextTokenizer tokenizer)
    {
        var options = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["phase"] = job.Phase,
            ["architecture (--preset, --hidden, --layers, …)"] = Describe(job),
            ["text sources (--domains)"] = string.Join(",", job.Sources.Select(s => s.Name)),
            ["tokenizer (--tokenizer)"] = tokenizer.Hash,
            ["initial weights"] = job.Parents.Count == 0 ? "random" : string.Join(" + ",
                job.Parents.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p.Weight:R} {p.Name} {p.Sha256}"))),
        };
        foreach (var source in job.Sources) options[$"text of {source.Name} (--corpus)"] = cache.Key(source, CorpusSplit.Train);
        // Where validation decides when to stop, its text is part of what makes the weights.
        foreach (var source in job.Options.Patience > 0 ? job.Sources : [])
            options[$"validation text of {source.Name} (--corpus)"] = cache.Key(source, CorpusSplit.Validation);
        foreach (var (flag, value) in job.Options.Flags()) options[flag] = value;
        if (job.Weights is { } weights)
            options["--weights"] = string.Join(",",
                job.Sources.Select((s, i) => string.Create(CultureInfo.InvariantCulture, $"{s.Name}={weights[i]:R}")));
        foreach (var (flag, value) in job.Moe?.Flags() ?? []) options[flag] = value;
        return options;
    }

    private static string Describe(TrainingJob job)
    {
        var a = job.Architecture;
        return $"hidden {a.HiddenSize}, intermediate {a.IntermediateSize}, layers {a.NumHiddenLayers}, heads {a.NumAttentionHeads}, kv "
            + $"heads {a.NumKeyValueHeads}, context {a.MaxPositionEmbeddings}, vocabulary {a.VocabSize}, tied "
                + $"{a.TieWordEmbeddings} ({a.Fingerprint()[..16]})";
    }
}
