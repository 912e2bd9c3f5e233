using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Phases;

/// <summary>The shards of a run's text sources: training windows by weight, and validation.</summary>
internal sealed class ShardSet(TrainingJob job, TokenShardCache cache, TextTokenizer tokenizer, CancellationToken cancellation)
{
    private readonly TokenShard[] training =
        [.. job.Sources.Select(s => cache.Open(s, CorpusSplit.Train, cancellation).Require(job.Options.Sequence))];
    private readonly TokenShard[] validation = [.. job.Sources.Select(s => cache.Open(s, CorpusSplit.Validation, cancellation))];

    // bytes of text that each token id stands for; 0 for special tokens and unused ids
    private readonly int[] tokenBytes = [.. Enumerable.Range(0, job.Architecture.VocabSize)
        .Select(id => tokenizer.IsSpecial(id) ? 0 : tokenizer.TokenBytes(id).Length)];

    /// <summary>How often a run goes over this text.</summary>
    public TextPasses Passes => new([.. training.Select(t => (t.Name, t.Count))], job.Weights);

    /// <summary>Tokens of a validation of so many windows per source.</summary>
    public long ValidationTokens(int windows) => validation.Sum(v => Math.Min(v.Count, (long)windows * job.Options.Sequence));

    public WindowSampler Sampler() =>
        new(training, job.Weights ?? [.. training.Select(_ => 1.0)], job.Options.Sequence, job.Options.RandomSeed);

    /// <summary>Bits per byte of the predicted tokens by source; special tokens count with no bytes.</summary>
    /// <param name="scored">Called with the source's name after each pass through the network.</param>
    public SortedDictionary<string, double> Validate(LlamaModel model, int windows, CancellationToken cancellation,
        Action<string>? scored = null)
    {
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var shard in windows < 1 ? [] : validation)
        {
            var tokens = new ValidationWindows(shard, job.Options.Sequence, windows).Tokens;
            var logs = TextScorer.LogProbs(model, tokens, _ => scored?.Invoke(shard.Name), cancellation).SelectMany(window => window);
            bits[shard.Name] = -logs.Sum() / Math.Log(2) / Math.Max(1, tokens.Sum(w => w.Skip(1).Sum(id => (long)tokenBytes[id])));
        }

        return bits;
    }
}
