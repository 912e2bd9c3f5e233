using Microsoft.ML.OnnxRuntime;

namespace Btx.Engine.Sessions;

/// <summary>A decode graph and the ragged graphs of one model over one KV cache, with the results of their last run. Pure decode over
/// neighbouring slots takes the batched graph, everything else the ragged ones.</summary>
internal sealed unsafe class GraphSet : IDisposable
{
    // One binding per range of slots is cheap, but the ranges are many.
    private const int MaxDecodeBindings = 128;

    private readonly LlamaConfig config;
    private readonly InferenceSession? decodeSession;
    private readonly RaggedBinding[] ragged;
    private readonly int[] buckets;
    private readonly KvCache kv;
    private readonly Dictionary<(int First, int Span), DecodeBinding> decodeBindings = [];
    private readonly NativeBuffer decodeIds, decodePasts, decodeTotal, logits, likelihoods, gates;
    private readonly int[] logitsStart, likelihoodsStart, scored, gatesStart, counts; // per row of the last run
    private readonly bool takesK, rebind;
    private readonly int gatesPerToken;

    /// <param name="graphs">Of one k if it is built in; at least one ragged graph.</param>
    public GraphSet(LlamaConfig config, IReadOnlyList<(ServedGraph Graph, InferenceSession Session)> graphs, KvCache kv, int slots,
        int maxTokens, bool rebind)
    {
        (this.config, this.kv, this.rebind) = (config, kv, rebind);
        takesK = config.Moe is not null && graphs[0].Graph.ExpertsPerToken is null;
        gatesPerToken = config.NumHiddenLayers * (config.Moe?.Experts ?? 0);
        (logitsStart, gatesStart, counts) = (new int[slots], new int[slots], new int[slots]);
        (likelihoodsStart, scored) = (new int[slots], new int[slots]);
        decodeIds = new NativeBuffer(8L * slots);
        decodePasts = new NativeBuffer(4L * slots);
        decodeTotal = new NativeBuffer(4);
        logits = new NativeBuffer(4L * config.VocabSize * SequenceMemory.LogitRows(slots, maxTokens));
        likelihoods = new NativeBuffer(4L * maxTokens);
        var ordered = graphs.Where(g => g.Graph.Form == ServedGraph.Ragged).OrderBy(g => g.Graph.Rows).ToList();
        buckets = [.. ordered.Select(g => g.Graph.Rows)];
        gates = new NativeBuffer(4L * gatesPerToken * (slots + maxTokens + buckets[^1]));
        decodeSession = graphs.FirstOrDefault(g => g.Graph.Form == ServedGraph.Decode).Session;
        ragged = [.. ordered.Select(g => new RaggedBinding(g.Session, kv, config, g.Graph.Rows, takesK, maxTokens, rebind))];
    }

    public long Bytes => logits.Bytes + likelihoods.Bytes + gates.Bytes;

    /// <inheritdoc cref="IModelRunner.Run"/>
    /// <param name="filled">Per slot, the tokens it holds; updated.</param>
    public void Run(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, Span<int> filled)
    {
        if (decodeSession is not null && BatchShape.IsDecode(rows, filled, kv.Context, out var first, out var span))
            RunDecode(options, rows, tokens, filled, first, span);
        else RunRagged(options, rows, tokens);
        foreach (var row in rows) filled[row.Slot] = row.Past + row.Count;
    }

    public ReadOnlySpan<float> Logits(int row, int position) =>
        logits.Span<float>((long)(logitsStart[row] + position) * config.VocabSize, config.VocabSize);

    public ReadOnlySpan<float> LogLikelihoods(int row) => likelihoods.Span<float>(likelihoodsStart[row], scored[row]);

    public ReadOnlySpan<float> Gates(int row) => gates.Span<float>((long)gatesStart[row] * gatesPerToken, counts[row] * gatesPerToken);

    public void Dispose()
    {
        foreach (var binding in decodeBindings.Values) binding.Dispose();
        decodeBindings.Clear();
        foreach (var binding in ragged) binding.Dispose();
        foreach (var buffer in (NativeBuffer[])[decodeIds, decodePasts, decodeTotal, logits, likelihoods, gates]) buffer.Dispose();
    }

    // Slots between the rows run along on token 0 and write behind what they hold: the next real token overwrites it.
    private void RunDecode(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, ReadOnlySpan<int> filled,
        int first, int span)
    {
        var ids = decodeIds.Span<long>(0, span);
        var pasts = decodePasts.Span<int>(0, span);
        var binding = Binding(first, span);
        ids.Clear();
        filled.Slice(first, span).CopyTo(pasts);
        binding.ExpertsPerToken.Fill(1);
        for (var r = 0; r < rows.Length; r++)
        {
            var at = rows[r].Slot - first;
            ids[at] = tokens[r];
            pasts[at] = rows[r].Past;
            if (takesK) binding.ExpertsPerToken[at] = rows[r].ExpertsPerToken;
            logitsStart[r] = gatesStart[r] = at;
            (counts[r], scored[r]) = (1, 0);
        }

        var longest = 0;
        foreach (var past in pasts) longest = Math.Max(longest, past);
        decodeTotal.Span<int>(0, 1)[0] = longest + 1;
        binding.Run(options);
    }

    private DecodeBinding Binding(int first, int span)
    {
        if (decodeBindings.TryGetValue((first, span), out var binding)) return binding;
        if (decodeBindings.Count >= MaxDecodeBindings)
        {
            foreach (var old in decodeBindings.Values) old.Dispose();
            decodeBindings.Clear();
        }

        binding = new DecodeBinding(decodeSession!, kv, config, first, span, takesK, (long*)decodeIds.Pointer, (int*)decodePasts.Pointer,
            (int*)decodeTotal.Pointer, (float*)logits.Pointer, (float*)gates.Pointer, rebind);
        decodeBindings.Add((first, span), binding);
        return binding;
    }

    private void RunRagged(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        int from = 0, token = 0, at = 0, known = 0;
        while (from < rows.Length)
        {
            var graph = ragged[BatchShape.Bucket(rows.Length - from, buckets)];
            var part = rows.Slice(from, Math.Min(graph.Rows, rows.Length - from));
            int count = 0, start = at, knownStart = known;
            for (var r = 0; r < part.Length; r++)
            {
                logitsStart[from + r] = at;
                gatesStart[from + r] = token + count;
                counts[from + r] = part[r].Count;
                (likelihoodsStart[from + r], scored[from + r]) = (known, part[r].Scored);
                at += part[r].Wanted;
                known += part[r].Scored;
                count += part[r].Count;
            }

            graph.Run(options, part, tokens.Slice(token, count), kv.Slots - 1, (float*)logits.Pointer + ((long)start * config.VocabSize),
                (float*)likelihoods.Pointer + knownStart, (float*)gates.Pointer + ((long)token * gatesPerToken));
            if (at == start) at++;
            token += count;
            from += part.Length;
        }
    }
}

/// <summary>Which graph a run's rows go through: pure functions of the rows.</summary>
internal static class BatchShape
{
    /// <summary>True if the decode graph serves the rows: one new token each, none scored, and few free slots between, which run
    /// along.</summary>
    /// <param name="filled">Per slot, the tokens it holds: where an unread row would write.</param>
    public static bool IsDecode(ReadOnlySpan<RunRow> rows, ReadOnlySpan<int> filled, int context, out int firstSlot, out int span)
    {
        firstSlot = int.MaxValue;
        var last = -1;
        var single = true;
        foreach (var row in rows)
        {
            single &= row is { Count: 1, Scored: 0 };
            firstSlot = Math.Min(firstSlot, row.Slot);
            last = Math.Max(last, row.Slot);
        }

        span = last - firstSlot + 1;
        if (!single || span > rows.Length + (rows.Length / 2)) return false;
        for (var slot = firstSlot; slot <= last; slot++)
            if (filled[slot] >= context && !Contains(rows, slot)) return false;
        return true;
    }

    /// <summary>The smallest ragged graph that holds the rows, or the largest there is.</summary>
    /// <param name="buckets">Row counts of the graphs, ascending.</param>
    public static int Bucket(int rows, ReadOnlySpan<int> buckets)
    {
        for (var i = 0; i < buckets.Length; i++)
            if (buckets[i] >= rows) return i;
        return buckets.Length - 1;
    }

    private static bool Contains(ReadOnlySpan<RunRow> rows, int slot)
    {
        foreach (var row in rows)
            if (row.Slot == slot) return true;
        return false;
    }
}
