using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Serving;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>
/// One model in ONNX Runtime: a session per graph over one weight set, one KV cache for all. A mixture with k built into its graphs has
/// a set of graphs for each k; a run's rows are then grouped by k. Owns its sessions, cache and weights.
/// </summary>
internal sealed class OnnxModelRunner : IModelRunner
{
    private readonly WeightSet weights;
    private readonly PrePackedWeightsContainer prepacked = new();
    private readonly List<InferenceSession> sessions = [];
    private readonly List<GraphSet> sets = [];
    private readonly int[] setOf = []; // by k, where k is built in
    private readonly KvCache? kv;
    private readonly RunOptions runOptions = new();
    private readonly int[] filled; // per slot: tokens held
    private readonly (int Set, int Row)[] places; // per row of the last run
    private readonly RunRow[] groupRows;
    private readonly long[] groupTokens;

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
        filled = new int[slots + 1];
        places = new (int, int)[slots];
        groupRows = new RunRow[slots];
        groupTokens = new long[maxTokens];
        try
        {
            var groups = graphFiles.GroupBy(g => g.Graph.ExpertsPerToken).Where(g => g.Any(f => f.Graph.Form == ServedGraph.Ragged)).OrderBy(g => g.Key).ToList();
            if (groups[0].Key is null) groups = [groups[0]];
            else setOf = new int[groups[^1].Key!.Value + 1];
            foreach (var group in groups)
            {
                List<(ServedGraph Graph, InferenceSession Session)> opened = [.. group.Select(g => (g.Graph, Open(g.Path, settings)))];
                kv ??= new KvCache(config, opened[0].Session, settings.Device, halfPrecision ? TensorElementType.Float16 : TensorElementType.Float, slots + 1, context);
                if (group.Key is { } k) setOf[k] = sets.Count;
                sets.Add(new GraphSet(config, opened, kv, slots, maxTokens, settings.Device.IsCuda));
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        if (setOf.Length == 0)
        {
            for (var r = 0; r < rows.Length; r++) places[r] = (0, r);
            sets[0].Run(runOptions, rows, tokens, filled);
            return;
        }

        for (var set = 0; set < sets.Count; set++)
        {
            int count = 0, at = 0, token = 0;
            for (var r = 0; r < rows.Length; r++)
            {
                if (setOf[rows[r].ExpertsPerToken] == set)
                {
                    places[r] = (set, count);
                    groupRows[count++] = rows[r];
                    tokens.Slice(at, rows[r].Count).CopyTo(groupTokens.AsSpan(token));
                    token += rows[r].Count;
                }

                at += rows[r].Count;
            }

            if (count > 0) sets[set].Run(runOptions, groupRows.AsSpan(0, count), groupTokens.AsSpan(0, token), filled);
        }
    }

    public ReadOnlySpan<float> Logits(int row, int position) => sets[places[row].Set].Logits(places[row].Row, position);

    public ReadOnlySpan<float> Gates(int row) => sets[places[row].Set].Gates(places[row].Row);

    public void Dispose()
    {
        foreach (var set in sets) set.Dispose();
        sets.Clear();
        kv?.Dispose();
        foreach (var session in sessions) session.Dispose();
        sessions.Clear();
        prepacked.Dispose();
        weights.Dispose();
        runOptions.Dispose();
    }

    private InferenceSession Open(string path, SessionSettings settings)
    {
        var session = settings.Create(path, weights, prepacked);
        sessions.Add(session);
        return session;
    }
}
