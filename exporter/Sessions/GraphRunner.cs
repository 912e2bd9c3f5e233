using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Btx.Model.Mixing;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Exporter;

/// <summary>Runs the decode and ragged forms on KV slots, past and present in one buffer. For checks: each run binds.</summary>
internal sealed class GraphRunner(InferenceSession session, LlamaConfig config, KvSlots slots)
{
    private float[] last = []; // kept for the next run

    /// <summary>k of the token at a position of its sequence, for graphs that take it.</summary>
    public Func<int, int>? ExpertsPerToken { get; init; }

    /// <summary>A run's logits may be overwritten by the next one's, as in a server; else each has its own.</summary>
    public bool ReusesLogits { get; init; }

    /// <summary>Gates of the last run, [T,L,N]; empty for a dense model.</summary>
    public float[] Gates { get; private set; } = [];

    /// <summary>Largest difference so far of a likelihood from that of the position's own logits, of the largest logit.</summary>
    public double LikelihoodDifference { get; private set; }

    /// <summary>Runs one step of the ragged form with exactly as many rows as the graph has, and checks what it says of the likelihood of
    /// some token at each wanted position.</summary>
    /// <param name="wanted">Positions in the flattened tokens whose logits are returned.</param>
    /// <param name="scored">Positions whose likelihoods are computed and not checked; null: the wanted ones, and they are.</param>
    /// <returns>Logits [wanted, V], row after row.</returns>
    public float[] Ragged(IReadOnlyList<RaggedRow> rows, long[] wanted, long[]? scored = null)
    {
        using var values = new DisposableList();
        using var io = session.CreateIoBinding();
        var tokens = rows.SelectMany(r => r.Tokens).Select(t => (long)t).ToArray();
        io.BindInput("input_ids", values.Add(OrtValue.CreateTensorValueFromMemory(tokens, [1, tokens.Length])));
        io.BindInput("lens",
            values.Add(OrtValue.CreateTensorValueFromMemory(rows.Select(r => (long)r.Tokens.Length).ToArray(), [rows.Count])));
        io.BindInput("logits_index", values.Add(OrtValue.CreateTensorValueFromMemory(wanted, [wanted.Length])));
        long[] at = scored ?? wanted, targets = [.. at.Select((position, i) => (tokens[position] + i) % config.VocabSize)];
        var likelihoods = new float[at.Length];
        io.BindInput("scored_index", values.Add(OrtValue.CreateTensorValueFromMemory(at, [at.Length])));
        io.BindInput("targets", values.Add(OrtValue.CreateTensorValueFromMemory(targets, [at.Length])));
        io.BindOutput("log_likelihood", values.Add(OrtValue.CreateTensorValueFromMemory(likelihoods, [at.Length])));
        for (var r = 0; r < rows.Count; r++)
        {
            var total = rows[r].Past + rows[r].Tokens.Length;
            io.BindInput($"seqlens_k.{r}", values.Add(OrtValue.CreateTensorValueFromMemory(new[] { total - 1 }, [1])));
            io.BindInput($"total_sequence_length.{r}", values.Add(OrtValue.CreateTensorValueFromMemory(new[] { total }, [])));
            BindCache(io, values, rows[r].Slot, 1, $".{r}");
        }

        var logits = Run(io, values, wanted.Length, [.. rows.SelectMany(r => Enumerable.Range(r.Past, r.Tokens.Length))]);
        for (var i = 0; scored is null && i < wanted.Length; i++)
        {
            var row = logits.AsSpan(i * config.VocabSize, config.VocabSize);
            var difference = Math.Abs(LogitRow.LogProbability(row, (int)targets[i]) - likelihoods[i])
                / Math.Max(1, TensorPrimitives.MaxMagnitude((ReadOnlySpan<float>)row));
            if (!(difference <= LikelihoodDifference))
                LikelihoodDifference = double.IsNaN(difference) ? double.PositiveInfinity : difference;
        }

        return logits;
    }

    /// <summary>Runs one step of the decode form: one token on each of the slots from <paramref name="firstSlot"/>.</summary>
    /// <returns>Logits [B, V], row after row.</returns>
    public float[] Decode(int firstSlot, int[] tokens, int[] past)
    {
        using var values = new DisposableList();
        using var io = session.CreateIoBinding();
        io.BindInput("input_ids",
            values.Add(OrtValue.CreateTensorValueFromMemory(tokens.Select(t => (long)t).ToArray(), [tokens.Length, 1])));
        io.BindInput("seqlens_k", values.Add(OrtValue.CreateTensorValueFromMemory((int[])past.Clone(), [past.Length])));
        io.BindInput("total_sequence_length", values.Add(OrtValue.CreateTensorValueFromMemory(new[] { past.Max() + 1 }, [])));
        BindCache(io, values, firstSlot, tokens.Length, "");
        return Run(io, values, tokens.Length, past);
    }

    private void BindCache(OrtIoBinding io, DisposableList values, int firstSlot, int count, string suffix)
    {
        for (var l = 0; l < config.NumHiddenLayers; l++)
        {
            var key = values.Add(slots.View(l, key: true, firstSlot, count));
            var value = values.Add(slots.View(l, key: false, firstSlot, count));
            io.BindInput($"past_key_values.{l}.key{suffix}", key);
            io.BindInput($"past_key_values.{l}.value{suffix}", value);
            io.BindOutput($"present.{l}.key{suffix}", key);
            io.BindOutput($"present.{l}.value{suffix}", value);
        }
    }

    private float[] Run(OrtIoBinding io, DisposableList values, int rows, int[] positions)
    {
        if (session.InputMetadata.ContainsKey(RoutedExperts.ExpertsPerToken))
        {
            long[] k = [.. positions.Select(p => (long)ExpertsPerToken!(p))];
            io.BindInput(RoutedExperts.ExpertsPerToken, values.Add(OrtValue.CreateTensorValueFromMemory(k, [k.Length])));
        }

        if (config.Moe is { } moe)
        {
            Gates = new float[(long)positions.Length * config.NumHiddenLayers * moe.Experts];
            io.BindOutput(RouterGates.Output,
                values.Add(OrtValue.CreateTensorValueFromMemory(Gates, [positions.Length, config.NumHiddenLayers, moe.Experts])));
        }

        var size = (long)rows * config.VocabSize;
        var logits = ReusesLogits && last.LongLength == size ? last : new float[size];
        if (ReusesLogits) last = logits;
        io.BindOutput("logits", values.Add(OrtValue.CreateTensorValueFromMemory(logits, [rows, config.VocabSize])));
        using var options = new RunOptions();
        session.RunWithBinding(options, io);
        return logits;
    }

    private sealed class DisposableList : IDisposable
    {
        private readonly List<OrtValue> values = [];

        public OrtValue Add(OrtValue value)
        {
            values.Add(value);
            return value;
        }

        public void Dispose()
        {
            foreach (var value in values) value.Dispose();
        }
    }
}

/// <summary>New tokens of one sequence: where its cache lies and how many positions of it are filled.</summary>
internal sealed record RaggedRow(int Slot, int Past, int[] Tokens);

/// <summary>Key and value buffers of every layer, each [slots, kv_heads, positions, head_dim] in host memory.</summary>
internal sealed unsafe class KvSlots : IDisposable
{
    private readonly LlamaConfig config;
    private readonly int positions;
    private readonly GraphPrecision precision;
    private readonly nint[] buffers;

    public KvSlots(LlamaConfig config, int slots, int positions, GraphPrecision precision)
    {
        (this.config, this.positions, this.precision) = (config, positions, precision);
        buffers = new nint[2 * config.NumHiddenLayers];
        for (var i = 0; i < buffers.Length; i++)
        {
            var bytes = (nuint)(slots * SlotBytes);
            buffers[i] = (nint)NativeMemory.AlignedAlloc(bytes, 64);
            NativeMemory.Clear((void*)buffers[i], bytes);
        }
    }

    private long SlotBytes => (long)config.NumKeyValueHeads * positions * config.HeadDim * precision.Dtype().Size();

    /// <summary>A view of <paramref name="count"/> slots from <paramref name="first"/>, [count, kv_heads, positions, head_dim].</summary>
    public OrtValue View(int layer, bool key, int first, int count) => OrtValue.CreateTensorValueWithData(
        OrtMemoryInfo.DefaultInstance, BoundWeights.ElementType(precision.Dtype()),
        [count, config.NumKeyValueHeads, positions, config.HeadDim],
        buffers[(2 * layer) + (key ? 0 : 1)] + (nint)(first * SlotBytes), count * SlotBytes);

    public void Dispose()
    {
        foreach (var buffer in buffers) NativeMemory.AlignedFree((void*)buffer);
    }
}
