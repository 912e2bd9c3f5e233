namespace Btx.Trainer.Phases;

/// <summary>One run: initial weights, text, options. A value that a process can be handed as JSON.</summary>
public sealed record TrainingJob
{
    public required string Phase { get; init; } // seed, dense, expert or finetune
    public required string Name { get; init; }
    public required string Corpus { get; init; } // absolute path of the corpus
    public string? Shards { get; init; } // absolute path of the directory of token shards; null: inside the corpus
    public required string Tokenizer { get; init; } // absolute path of a directory with tokenizer.json
    public required IReadOnlyList<TextSource> Sources { get; init; } // where windows are drawn from
    public IReadOnlyList<double>? Weights { get; init; } // share of the windows by source, summing to 1; null: each the same
    public required LlamaConfig Architecture { get; init; }

    /// <summary>What the initial weights are the average of; empty: random initialisation.</summary>
    public IReadOnlyList<BranchParent> Parents { get; init; } = [];
    public required TrainingOptions Options { get; init; }
    public MoeTuning? Moe { get; init; } // for a BTX model; null for a dense model

    /// <summary>What the run is, as text by flag or subject: two invocations with equal entries are the same run.</summary>
    internal SortedDictionary<string, string> Identity(TokenShardCache cache, TextTokenizer tokenizer)
    {
        var a = Architecture;
        var identity = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["phase"] = Phase,
            ["architecture (--preset, --hidden, --layers, …)"] = $"hidden {a.HiddenSize}, intermediate {a.IntermediateSize}, "
                + $"layers {a.NumHiddenLayers}, heads {a.NumAttentionHeads}, kv heads {a.NumKeyValueHeads}, "
                + $"context {a.MaxPositionEmbeddings}, vocabulary {a.VocabSize}, tied {a.TieWordEmbeddings} ({a.Fingerprint()[..16]})",
            ["text sources (--domains)"] = string.Join(",", Sources.Select(s => s.Name)),
            ["tokenizer (--tokenizer)"] = tokenizer.Hash,
            ["initial weights"] = Parents.Count == 0 ? "random"
                : string.Join(" + ", Parents.Select(p => $"{p.Weight:R} {p.Name} {p.Sha256}")),
        };
        foreach (var source in Sources) identity[$"text of {source.Name} (--corpus)"] = cache.Key(source, CorpusSplit.Train);
        // Where validation decides when to stop, its text is part of what makes the weights.
        foreach (var source in Options.Patience > 0 ? Sources : [])
            identity[$"validation text of {source.Name} (--corpus)"] = cache.Key(source, CorpusSplit.Validation);
        if (Weights is { } weights) identity["--weights"] = string.Join(",", Sources.Select((s, i) => $"{s.Name}={weights[i]:R}"));
        foreach (var (flag, value) in Options.Flags().Concat(Moe?.Flags() ?? [])) identity[flag] = value;
        return identity;
    }
}

/// <summary>How a run goes about its work; none of it changes the weights.</summary>
public sealed record RunSettings
{
    public bool Fresh { get; init; } // forget an earlier run in the directory
    public bool Wait { get; init; } // wait while another process trains in the directory
    public long CheckpointSteps { get; init; } // steps between resume points; 0: by time alone
    public double CheckpointSeconds { get; init; } = 60; // seconds between resume points
    public long ValidateSteps { get; init; } // steps between validations; 0: at each quarter of the run
    public long StatisticsSteps { get; init; } // steps between statistics of a BTX model's routing; 0: about twenty in the run

    /// <summary>Validation windows per text source at the end of the run; a quarter of them on the way.</summary>
    public int ValidationWindows { get; init; } = 64;
}

/// <summary>Where a run stands.</summary>
/// <param name="Resumed">Tokens done by earlier processes.</param>
/// <param name="Loss">Running mean, nats per token; NaN before the first step.</param>
/// <param name="BitsPerByte">Mean over the validation sources; null before the first validation.</param>
public readonly record struct TrainingProgress(long Tokens, long TotalTokens, long Resumed, double Loss, double? BitsPerByte)
{
    public double Passes { get; init; } // over the text so far
    public double? Balance { get; init; } // of a BTX model, see LossPoint.Balance
    public double? SmallestShare { get; init; } // of a BTX model: the smallest share of the gates that an expert gets in any layer

    /// <summary>Loss, balance, validation and passes in a few words.</summary>
    public string Note =>
        (double.IsNaN(Loss) ? "" : $"loss {Loss:F3}")
        + (Balance is { } balance ? $", balance {balance:F3}" : "")
        + (SmallestShare is { } share ? $", smallest share {100 * share:F1} %" : "")
        + (BitsPerByte is { } bits ? $", validation {bits:F3} bits/byte" : "")
        + (Passes >= 0.05 ? $", pass {Passes:F1}" : "");
}
