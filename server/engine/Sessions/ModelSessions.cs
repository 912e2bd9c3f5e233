using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>A session per graph of one model, bound to its weights and its KV cache. A BTX model with k built into its graphs has a set of
/// graphs for each k; a run's rows are then grouped by k. Owns neither weights nor cache.</summary>
internal sealed class ModelSessions : IDisposable
{
    private readonly PrePackedWeightsContainer prepacked = new();
    private readonly List<InferenceSession> sessions = [];
    private readonly List<GraphSet> sets = [];
    private readonly int[] setOf = []; // by k, where k is built in
    private readonly (int Set, int Row)[] places; // per row of the last run
    private readonly RunRow[] groupRows;
    private readonly long[] groupTokens;

    /// <param name="kv">The model's cache; null: made here, for the caller to own.</param>
    public ModelSessions(LlamaConfig config, IReadOnlyList<GraphFile> graphFiles, WeightSet weights, SessionSettings settings,
        bool halfPrecision, int slots, int context, int maxTokens, KvCache? kv)
    {
        places = new (int, int)[slots];
        groupRows = new RunRow[slots];
        groupTokens = new long[maxTokens];
        var made = kv;
        try
        {
            var groups = graphFiles.GroupBy(g => g.Graph.ExpertsPerToken).Where(g => g.Any(f => f.Graph.Form == ServedGraph.Ragged))
                .OrderBy(g => g.Key).ToList();
            if (groups[0].Key is null) groups = [groups[0]];
            else setOf = new int[groups[^1].Key!.Value + 1];
            foreach (var group in groups)
            {
                List<(ServedGraph Graph, InferenceSession Session)> opened = [.. group.Select(g => (g.Graph, Open(g, settings, weights)))];
                made ??= new KvCache(config, opened[0].Session, settings.Device,
                    halfPrecision ? TensorElementType.Float16 : TensorElementType.Float, slots + 1, context);
                if (group.Key is { } k) setOf[k] = sets.Count;
                sets.Add(new GraphSet(config, opened, made, slots, maxTokens, settings.Device.IsCuda));
            }

            Cache = made!;
            Bytes = (settings.Prepack ? weights.Bytes : 0) + sets.Sum(s => s.Bytes);
        }
        catch
        {
            Unbind();
            if (kv is null) made?.Dispose();
            Dispose();
            throw;
        }
    }

    public KvCache Cache { get; }

    public long Bytes { get; }

    public int Count => sessions.Count;

    /// <inheritdoc cref="IModelRunner.Run"/>
    /// <param name="filled">Per slot, the tokens it holds; updated.</param>
    public void Run(RunOptions options, ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens, Span<int> filled)
    {
        if (setOf.Length == 0)
        {
            for (var r = 0; r < rows.Length; r++) places[r] = (0, r);
            sets[0].Run(options, rows, tokens, filled);
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

            if (count > 0) sets[set].Run(options, groupRows.AsSpan(0, count), groupTokens.AsSpan(0, token), filled);
        }
    }

    public ReadOnlySpan<float> Logits(int row, int position) => sets[places[row].Set].Logits(places[row].Row, position);

    public ReadOnlySpan<float> LogLikelihoods(int row) => sets[places[row].Set].LogLikelihoods(places[row].Row);

    public ReadOnlySpan<float> Gates(int row) => sets[places[row].Set].Gates(places[row].Row);

    public void Unbind()
    {
        foreach (var set in sets) set.Dispose();
        sets.Clear();
    }

    public void Dispose()
    {
        Unbind();
        foreach (var session in sessions) session.Dispose();
        sessions.Clear();
        prepacked.Dispose();
    }

    private InferenceSession Open(GraphFile graph, SessionSettings settings, WeightSet weights)
    {
        var session = settings.Create(graph, weights, prepacked);
        sessions.Add(session);
        return session;
    }
}
