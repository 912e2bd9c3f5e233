using Btx.Trainer.Corpora;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;

namespace Btx.Trainer.Phases;

/// <summary>The shards of a run's text sources: training windows by weight, and validation.</summary>
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

    /// <summary>How often a run goes over this text.</summary>
    public TextPasses Passes(IReadOnlyList<double>? weights) => new([.. training.Select(t => (t.Name, t.Count))], weights);

    /// <summary>Tokens of a validation of so many windows per source.</summary>
    public long ValidationTokens(int windows) => validation.Sum(v => Math.Min(v.Count, (long)windows * context));

    /// <param name="weights">By source; null: all the same.</param>
    public WindowSampler Sampler(TrainingOptions options, IReadOnlyList<double>? weights) =>
        new(training, weights ?? [.. training.Select(_ => 1.0)], options.Sequence, options.RandomSeed);

    /// <summary>Bits per byte by source.</summary>
    /// <param name="scored">Called with the source's name after each pass through the network.</param>
    public SortedDictionary<string, double> Validate(LlamaModel model, int[] tokenBytes, int windows, CancellationToken cancellation,
        Action<string>? scored = null)
    {
        var bits = new SortedDictionary<string, double>(StringComparer.Ordinal);
        if (windows < 1) return bits;
        foreach (var shard in validation)
            bits[shard.Name] = SequenceScorer.BitsPerByte(model, new ValidationWindows(shard, context, windows), tokenBytes,
                scored is null ? null : () => scored(shard.Name), cancellation);
        return bits;
    }

    public void Dispose()
    {
        foreach (var shard in training.Concat(validation)) shard.Dispose();
    }
}
