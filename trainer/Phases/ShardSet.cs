using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>The shards of a run's text sources: training windows with the same share for each source, and validation.</summary>
internal sealed class ShardSet : IDisposable
{
    private readonly List<TokenShard> training = [];
    private readonly List<TokenShard> validation = [];
    private readonly int context;

    public ShardSet(TokenShardCache cache, IReadOnlyList<TextSource> sources, int context, CancellationToken cancellation)
    {
        this.context = context;
        try
        {
            foreach (var source in sources)
            {
                training.Add(cache.Open(source, CorpusSplit.Train, cancellation).Require(context));
                validation.Add(cache.Open(source, CorpusSplit.Validation, cancellation));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public WindowSampler Sampler(TrainingOptions options) =>
        new(training, [.. training.Select(_ => 1.0)], options.Sequence, options.RandomSeed);

    /// <summary>Bits per byte by source.</summary>
    public SortedDictionary<string, double> Validate(LlamaModel model, int[] tokenBytes, int windows, CancellationToken cancellation)
    {
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (windows < 1) return bits;
        foreach (var shard in validation)
            bits[shard.Name] = SequenceScorer.BitsPerByte(model, new ValidationWindows(shard, context, windows), tokenBytes, cancellation);
        return bits;
    }

    public void Dispose()
    {
        foreach (var shard in training.Concat(validation)) shard.Dispose();
    }
}
