using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>A ragged graph of R rows. Binds only what changed since its last run: slots, tokens, wanted logits.</summary>
internal sealed unsafe class RaggedBinding : IDisposable
{
    private readonly GraphBinding graph;
    private readonly KvCache kv;
    private readonly int vocabSize;
    private readonly NativeBuffer ids, index, scoredIndex, targets, lens, seqLens, totals;
    private readonly string[][] pastNames, presentNames; // [row][layer·2 + part]
    private readonly int[] boundSlots;
    private readonly MoePorts? moe;
    private int boundTokens = -1, boundWanted = -1, boundScored = -1;
    private float* boundLogits, boundLikelihoods;

    public RaggedBinding(InferenceSession session, KvCache kv, LlamaConfig config, int rows, bool takesK, int maxTokens, bool rebind)
    {
        (this.kv, Rows, vocabSize) = (kv, rows, config.VocabSize);
        graph = new GraphBinding(session, rebind);
        if (config.Moe is { } m) moe = new MoePorts(graph, config.NumHiddenLayers, m.Experts, takesK, maxTokens + rows);
        ids = new NativeBuffer(8L * (maxTokens + rows));
        index = new NativeBuffer(8L * (maxTokens + rows));
        scoredIndex = new NativeBuffer(8L * maxTokens);
        targets = new NativeBuffer(8L * maxTokens);
        lens = new NativeBuffer(8L * rows);
        seqLens = new NativeBuffer(4L * rows);
        totals = new NativeBuffer(4L * rows);
        boundSlots = new int[rows];
        Array.Fill(boundSlots, -1);
        pastNames = new string[rows][];
        presentNames = new string[rows][];
        graph.Input("lens", TensorViews.Cpu(lens.Pointer, TensorElementType.Int64, rows));
        for (var r = 0; r < rows; r++)
        {
            (pastNames[r], presentNames[r]) = (kv.Names("past_key_values", r), kv.Names("present", r));
            graph.Input($"seqlens_k.{r}", TensorViews.Cpu(seqLens.Pointer + (4 * r), TensorElementType.Int32, 1));
            graph.Input($"total_sequence_length.{r}", TensorViews.Cpu(totals.Pointer + (4 * r), TensorElementType.Int32));
        }
    }

    public int Rows { get; }

    /// <summary>Runs at most <see cref="Rows"/> rows; the rest is padded with the scratch slot.</summary>
    /// <param name="logits">Out: the wanted logits in order, [max(1, wanted), V].</param>
    /// <param name="likelihoods">Out: of the scored positions in order, [scored].</param>
    /// <param name="gates">Out, of a BTX model: [tokens + padding rows, L, N].</param>
    public void Run(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, int scratchSlot, float* logits,
        float* likelihoods, float* gates)
    {
        var (count, wanted, scored) = Fill(rows, tokens, scratchSlot);
        moe?.Bind(count, gates);
        if (count != boundTokens) graph.Input("input_ids", TensorViews.Cpu(ids.Pointer, TensorElementType.Int64, 1, count));
        if (wanted != boundWanted || logits != boundLogits)
        {
            graph.Input("logits_index", TensorViews.Cpu(index.Pointer, TensorElementType.Int64, wanted));
            graph.Output("logits", TensorViews.Cpu(logits, TensorElementType.Float, wanted, vocabSize));
        }

        if (scored != boundScored || likelihoods != boundLikelihoods)
        {
            graph.Input("scored_index", TensorViews.Cpu(scoredIndex.Pointer, TensorElementType.Int64, scored));
            graph.Input("targets", TensorViews.Cpu(targets.Pointer, TensorElementType.Int64, scored));
            graph.Output("log_likelihood", TensorViews.Cpu(likelihoods, TensorElementType.Float, scored));
        }

        (boundTokens, boundWanted, boundScored) = (count, wanted, scored);
        boundLogits = logits;
        boundLikelihoods = likelihoods;
        graph.Run(options);
    }

    public void Dispose()
    {
        graph.Dispose();
        moe?.Dispose();
        foreach (var buffer in (NativeBuffer[])[ids, index, scoredIndex, targets, lens, seqLens, totals]) buffer.Dispose();
    }

    private (int Tokens, int Wanted, int Scored) Fill(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, int scratchSlot)
    {
        var id = ids.Span<long>(0, (int)(ids.Bytes / 8));
        var want = index.Span<long>(0, (int)(index.Bytes / 8));
        var score = scoredIndex.Span<long>(0, (int)(scoredIndex.Bytes / 8));
        var target = targets.Span<long>(0, (int)(targets.Bytes / 8));
        tokens.CopyTo(id);
        int at = 0, wanted = 0, scored = 0;
        for (var r = 0; r < Rows; r++)
        {
            var row = r < rows.Length ? rows[r] : new RunRow(scratchSlot, 0, 1, 0);
            if (r >= rows.Length) id[at] = 0;
            for (var i = row.Count - row.Wanted; i < row.Count; i++) want[wanted++] = at + i;
            for (var i = row.Count - row.Wanted - row.Scored; i < row.Count - row.Wanted; i++)
                (score[scored], target[scored++]) = (at + i, i + 1 < row.Count ? id[at + i + 1] : row.Next);
            if (moe is { ExpertsPerToken.IsEmpty: false })
                moe.ExpertsPerToken.Slice(at, row.Count).Fill(Math.Max(1, row.ExpertsPerToken));
            at += row.Count;
            lens.Span<long>(r, 1)[0] = row.Count;
            seqLens.Span<int>(r, 1)[0] = row.Past + row.Count - 1;
            totals.Span<int>(r, 1)[0] = row.Past + row.Count;
            BindSlot(r, row.Slot);
        }

        if (wanted == 0) want[wanted++] = 0; // the output layer needs a row; nobody reads it
        return (at, wanted, scored);
    }

    private void BindSlot(int row, int slot)
    {
        if (boundSlots[row] == slot) return;
        graph.Cache(pastNames[row], presentNames[row], kv.View(slot));
        boundSlots[row] = slot;
    }
}
