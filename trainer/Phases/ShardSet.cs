using Btx.Model.Tokens;
using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>The shards of a run's text sources: training windows by weight, and validation.</summary>
internal sealed class ShardSet : IDisposable
{
    private readonly List<TokenShard> training = [];
    private readonly List<TokenShard> validation = [];
    private readonly TrainingJob job;
    private readonly int[] tokenBytes; // bytes of text that each token id stands for; 0 for special tokens and unused ids

    public ShardSet(TrainingJob job, TokenShardCache cache, TextTokenizer tokenizer, CancellationToken cancellation)
    {
        this.job = job;
        var ids = Enumerable.Range(0, job.Architecture.VocabSize);
        tokenBytes = [.. ids.Select(id => tokenizer.IsSpecial(id) ? 0 : tokenizer.TokenBytes(id).Length)];
        try
        {
            foreach (var source in job.Sources)
            {
                training.Add(cache.Open(source, CorpusSplit.Train, cancellation).Require(job.Options.Sequence));
                validation.Add(cache.Open(source, CorpusSplit.Validation, cancellation));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How often a run goes over this text.</summary>
    public TextPasses Passes => new([.. training.Select(t => (t.Name, t.Count))], job.Weights);

    /// <summary>Tokens of a validation of so many windows per source.</summary>
    public long ValidationTokens(int windows) => validation.Sum(v => Math.Min(v.Count, (long)windows * job.Options.Sequence));

    public WindowSampler Sampler() =>
        new(training, job.Weights ?? [.. training.Select(_ => 1.0)], job.Options.Sequence, job.Options.RandomSeed);

    /// <summary>Bits per byte by source.</summary>
    /// <param name="scored">Called with the source's name after each pass through the network.</param>
    public SortedDictionary<string, double> Validate(LlamaModel model, int windows, CancellationToken cancellation,
        Action<string>? scored = null)
    {
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        foreach (var shard in windows < 1 ? [] : validation)
            bits[shard.Name] = SequenceScorer.BitsPerByte(model, new ValidationWindows(shard, job.Options.Sequence, windows), tokenBytes,
                scored is null ? null : () => scored(shard.Name), cancellation);
        return bits;
    }

    public void Dispose()
    {
        foreach (var shard in training.Concat(validation)) shard.Dispose();
    }
}
