using Btx.Model.Configuration;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>A ragged graph of R rows. Binds only what changed since its last run: slots, tokens, wanted logits.</summary>
internal sealed unsafe class RaggedBinding : IDisposable
{
    private readonly InferenceSession session;
    private readonly KvCache kv;
    private readonly OrtIoBinding io;
    private readonly int vocabSize;
    private readonly bool rebind;
    private readonly NativeBuffer ids, index, lens, seqLens, totals;
    private readonly List<(string Name, OrtValue Value)> fixedInputs = [];
    private readonly string[][] pastNames, presentNames; // [row][layer·2 + part]
    private readonly int[] boundSlots;
    private readonly MoePorts? moe;
    private OrtValue? idsValue, indexValue, logitsValue;
    private int boundTokens = -1, boundWanted = -1;
    private float* boundLogits;

    public RaggedBinding(InferenceSession session, KvCache kv, LlamaConfig config, int rows, bool takesK, int maxTokens, bool rebind)
    {
        (this.session, this.kv, Rows, vocabSize, this.rebind) = (session, kv, rows, config.VocabSize, rebind);
        io = session.CreateIoBinding();
        if (config.Moe is { } m) moe = new MoePorts(io, config.NumHiddenLayers, m.Experts, takesK, maxTokens + rows, rebind);
        ids = new NativeBuffer(8L * (maxTokens + rows));
        index = new NativeBuffer(8L * (maxTokens + rows));
        lens = new NativeBuffer(8L * rows);
        seqLens = new NativeBuffer(4L * rows);
        totals = new NativeBuffer(4L * rows);
        boundSlots = new int[rows];
        Array.Fill(boundSlots, -1);
        pastNames = new string[rows][];
        presentNames = new string[rows][];
        fixedInputs.Add(("lens", TensorViews.Cpu(lens.Pointer, TensorElementType.Int64, rows)));
        for (var r = 0; r < rows; r++)
        {
            (pastNames[r], presentNames[r]) = (kv.Names("past_key_values", r), kv.Names("present", r));
            fixedInputs.Add(($"seqlens_k.{r}", TensorViews.Cpu(seqLens.Pointer + (4 * r), TensorElementType.Int32, 1)));
            fixedInputs.Add(($"total_sequence_length.{r}", TensorViews.Cpu(totals.Pointer + (4 * r), TensorElementType.Int32)));
        }

        foreach (var (name, value) in fixedInputs) io.BindInput(name, value);
    }

    public int Rows { get; }

    /// <summary>Runs at most <see cref="Rows"/> rows; the rest is padded with the scratch slot.</summary>
    /// <param name="logits">Out: the wanted logits in order, [max(1, wanted), V].</param>
    /// <param name="gates">Out, of a BTX model: [tokens + padding rows, L, N].</param>
    public void Run(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, int scratchSlot, float* logits, float* gates)
    {
        var (count, wanted) = Fill(rows, tokens, scratchSlot);
        moe?.Bind(count, gates);
        if (idsValue is null || count != boundTokens)
        {
            Replace(ref idsValue, TensorViews.Cpu(ids.Pointer, TensorElementType.Int64, 1, count));
            io.BindInput("input_ids", idsValue!);
        }
        else if (rebind) io.BindInput("input_ids", idsValue);
        if (indexValue is null || wanted != boundWanted || logits != boundLogits)
        {
            Replace(ref indexValue, TensorViews.Cpu(index.Pointer, TensorElementType.Int64, wanted));
            io.BindInput("logits_index", indexValue!);
            Replace(ref logitsValue, TensorViews.Cpu(logits, TensorElementType.Float, wanted, vocabSize));
            io.BindOutput("logits", logitsValue!);
        }
        else if (rebind) io.BindInput("logits_index", indexValue);
        if (rebind)
            foreach (var (name, value) in fixedInputs) io.BindInput(name, value);
        (boundTokens, boundWanted) = (count, wanted);
        boundLogits = logits;
        session.RunWithBinding(options, io);
    }

    public void Dispose()
    {
        io.Dispose();
        moe?.Dispose();
        idsValue?.Dispose();
        indexValue?.Dispose();
        logitsValue?.Dispose();
        foreach (var (_, value) in fixedInputs) value.Dispose();
        foreach (var buffer in (NativeBuffer[])[ids, index, lens, seqLens, totals]) buffer.Dispose();
    }

    private (int Tokens, int Wanted) Fill(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, int scratchSlot)
    {
        var id = ids.Span<long>(0, (int)(ids.Bytes / 8));
        var want = index.Span<long>(0, (int)(index.Bytes / 8));
        tokens.CopyTo(id);
        int at = 0, wanted = 0;
        for (var r = 0; r < Rows; r++)
        {
            var row = r < rows.Length ? rows[r] : new RunRow(scratchSlot, 0, 1, 0);
            if (r >= rows.Length) id[at] = 0;
            for (var i = row.Count - row.Wanted; i < row.Count; i++) want[wanted++] = at + i;
            if (moe is { ExpertsPerToken.IsEmpty: false })
                moe.ExpertsPerToken.Slice(at, row.Count).Fill(Math.Max(1, row.ExpertsPerToken));
            at += row.Count;
            lens.Span<long>(r, 1)[0] = row.Count;
            seqLens.Span<int>(r, 1)[0] = row.Past + row.Count - 1;
            totals.Span<int>(r, 1)[0] = row.Past + row.Count;
            BindSlot(r, row.Slot);
        }

        if (wanted == 0) want[wanted++] = 0; // the output layer needs a row; nobody reads it
        return (at, wanted);
    }

    private void BindSlot(int row, int slot)
    {
        if (boundSlots[row] == slot) return;
        var view = kv.View(slot);
        for (var i = 0; i < view.Length; i++)
        {
            io.BindInput(pastNames[row][i], view[i]);
            io.BindOutput(presentNames[row][i], view[i]);
        }

        boundSlots[row] = slot;
    }

    private static void Replace(ref OrtValue? value, OrtValue fresh)
    {
        value?.Dispose();
        value = fresh;
    }
}
