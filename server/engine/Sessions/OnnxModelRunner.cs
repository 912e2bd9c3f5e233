using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Serving;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>
/// One model in ONNX Runtime: a session per graph over one weight set, one KV cache for all. Pure decode over neighbouring slots
/// takes the batched graph, everything else the ragged ones. Owns its sessions, cache and weights.
/// </summary>
internal sealed unsafe class OnnxModelRunner : IModelRunner
{
    // One binding per range of slots is cheap, but the ranges are many.
    private const int MaxDecodeBindings = 128;

    private readonly WeightSet weights;
    private readonly PrePackedWeightsContainer prepacked = new();
    private readonly List<InferenceSession> sessions = [];
    private readonly InferenceSession? decodeSession;
    private readonly RaggedBinding[] ragged;
    private readonly int[] buckets;
    private readonly KvCache kv;
    private readonly RunOptions runOptions = new();
    private readonly Dictionary<(int First, int Span), DecodeBinding> decodeBindings = [];
    private readonly NativeBuffer decodeIds, decodePasts, decodeTotal, logits;
    private readonly int[] filled; // per slot: tokens held
    private readonly int[] logitsStart; // per row of the last run
    private readonly int vocabSize;
    private readonly bool rebind;

    /// <param name="graphFiles">Absolute path of each graph.</param>
    /// <param name="weights">Taken over.</param>
    /// <param name="slots">Sequences at a time.</param>
    /// <param name="context">Longest sequence in tokens.</param>
    /// <param name="maxTokens">Most tokens of a run.</param>
    /// <exception cref="BtxException">ONNX Runtime refuses a graph or the device.</exception>
    public OnnxModelRunner(
        LlamaConfig config, IReadOnlyList<(ServedGraph Graph, string Path)> graphFiles, WeightSet weights, SessionSettings settings, bool halfPrecision, int slots, int context, int maxTokens)
    {
        this.weights = weights;
        vocabSize = config.VocabSize;
        rebind = settings.Device.IsCuda;
        filled = new int[slots + 1];
        logitsStart = new int[slots];
        decodeIds = new NativeBuffer(8L * slots);
        decodePasts = new NativeBuffer(4L * slots);
        decodeTotal = new NativeBuffer(4);
        logits = new NativeBuffer(4L * vocabSize * (slots + maxTokens + slots));
        try
        {
            var ordered = graphFiles.Where(g => g.Graph.Form == ServedGraph.Ragged).OrderBy(g => g.Graph.Rows).ToList();
            buckets = [.. ordered.Select(g => g.Graph.Rows)];
            var raggedSessions = ordered.Select(g => Open(g.Path, settings)).ToList();
            if (graphFiles.FirstOrDefault(g => g.Graph.Form == ServedGraph.Decode) is { Path: { } path }) decodeSession = Open(path, settings);
            kv = new KvCache(config, raggedSessions[0], settings.Device, halfPrecision ? TensorElementType.Float16 : TensorElementType.Float, slots + 1, context);
            ragged = [.. raggedSessions.Select((s, i) => new RaggedBinding(s, kv, buckets[i], config.NumHiddenLayers, maxTokens, vocabSize, rebind))];
        }
        catch
        {
            buckets ??= [];
            ragged ??= [];
            Dispose();
            throw;
        }
    }

    private int ScratchSlot => kv.Slots - 1;

    public void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        if (decodeSession is not null && BatchShape.IsDecode(rows, filled, kv.Context, out var first, out var span)) RunDecode(rows, tokens, first, span);
        else RunRagged(rows, tokens);
        foreach (var row in rows) filled[row.Slot] = row.Past + row.Count;
    }

    public ReadOnlySpan<float> Logits(int row, int position) => logits.Span<float>((long)(logitsStart[row] + position) * vocabSize, vocabSize);

    public void Dispose()
    {
        foreach (var binding in decodeBindings.Values) binding.Dispose();
        decodeBindings.Clear();
        foreach (var binding in ragged) binding.Dispose();
        kv?.Dispose();
        foreach (var session in sessions) session.Dispose();
        sessions.Clear();
        prepacked.Dispose();
        weights.Dispose();
        runOptions.Dispose();
        foreach (var buffer in (NativeBuffer[])[decodeIds, decodePasts, decodeTotal, logits]) buffer.Dispose();
    }

    private InferenceSession Open(string path, SessionSettings settings)
    {
        var session = settings.Create(path, weights, prepacked);
        sessions.Add(session);
        return session;
    }

    // Slots between the rows run along on token 0 and write behind what they hold: the next real token overwrites it.
    private void RunDecode(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, int first, int span)
    {
        var ids = decodeIds.Span<long>(0, span);
        var pasts = decodePasts.Span<int>(0, span);
        ids.Clear();
        filled.AsSpan(first, span).CopyTo(pasts);
        for (var r = 0; r < rows.Length; r++)
        {
            ids[rows[r].Slot - first] = tokens[r];
            pasts[rows[r].Slot - first] = rows[r].Past;
            logitsStart[r] = rows[r].Slot - first;
        }

        var longest = 0;
        foreach (var past in pasts) longest = Math.Max(longest, past);
        decodeTotal.Span<int>(0, 1)[0] = longest + 1;
        Binding(first, span).Run(runOptions);
    }

    private DecodeBinding Binding(int first, int span)
    {
        if (decodeBindings.TryGetValue((first, span), out var binding)) return binding;
        if (decodeBindings.Count >= MaxDecodeBindings)
        {
            foreach (var old in decodeBindings.Values) old.Dispose();
            decodeBindings.Clear();
        }

        binding = new DecodeBinding(
            decodeSession!, kv, first, span, vocabSize, (long*)decodeIds.Pointer, (int*)decodePasts.Pointer, (int*)decodeTotal.Pointer, (float*)logits.Pointer, rebind);
        decodeBindings.Add((first, span), binding);
        return binding;
    }

    private void RunRagged(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        int from = 0, token = 0, at = 0;
        while (from < rows.Length)
        {
            var graph = ragged[BatchShape.Bucket(rows.Length - from, buckets)];
            var part = rows.Slice(from, Math.Min(graph.Rows, rows.Length - from));
            int count = 0, start = at;
            for (var r = 0; r < part.Length; r++)
            {
                logitsStart[from + r] = at;
                at += part[r].Wanted;
                count += part[r].Count;
            }

            graph.Run(runOptions, part, tokens.Slice(token, count), ScratchSlot, (float*)logits.Pointer + ((long)start * vocabSize));
            if (at == start) at++;
            token += count;
            from += part.Length;
        }
    }
}
