using System.Diagnostics;
using Btx.Exporter;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Mixing;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Bench;

/// <summary>A served graph of a forest's first expert in a session, with nothing around it.</summary>
internal sealed class ServedGraphRun : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private readonly GraphRunner runner;
    private readonly int vocabSize;

    public ServedGraphRun(TinyServedForest forest, LlamaConfig config, GraphForm form, int threads)
    {
        var manifest = forest.Report.Manifest;
        vocabSize = config.VocabSize;
        using var options = DeviceSessions.Options(DeviceSpec.Cpu, threads);
        var weights = CheckpointFiles.Weights(manifest.WeightsDirectory(forest.Served, manifest.Experts[0]));
        Own(new BoundWeights(Own(new ServedFiles(weights)).Files)).AddTo(options);
        var graph = manifest.Graphs.First(g => g.Form == form.Name && g.Rows == form.Rows);
        var session = Own(new InferenceSession(Path.Combine(forest.Served, graph.File), options, Own(new PrePackedWeightsContainer())));
        var slots = Own(new KvSlots(config, 1, config.MaxPositionEmbeddings, GraphPrecision.Fp32));
        runner = new GraphRunner(session, config, slots) { ReusesLogits = true };
    }

    /// <summary>Steps of the decode graph from a position on.</summary>
    /// <returns>Microseconds a step.</returns>
    public double Decode(int from, int steps)
    {
        var began = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++) runner.Decode(0, [33 + (step % 90)], [from + step]);
        return Stopwatch.GetElapsedTime(began).TotalMicroseconds / steps;
    }

    /// <summary>Runs a prompt through the ragged graph of one row, for its likelihoods and the logits of its last position.</summary>
    /// <param name="inGraph">The graph computes the likelihoods. Else it gives all logits, and they are computed from these.</param>
    /// <returns>Milliseconds.</returns>
    public double Prefill(int tokens, bool inGraph)
    {
        var began = Stopwatch.GetTimestamp();
        long[] positions = [.. Enumerable.Range(0, tokens).Select(i => (long)i)];
        var row = new RaggedRow(0, 0, [.. positions.Select(i => (int)(i * 7919 % vocabSize))]);
        var logits = runner.Ragged([row], inGraph ? [tokens - 1] : positions, inGraph ? positions[..^1] : []);
        for (var i = 0; i < logits.Length; i += vocabSize) LogitRow.LogNormaliser(logits.AsSpan(i, vocabSize));
        return Stopwatch.GetElapsedTime(began).TotalMilliseconds;
    }

    public void Dispose()
    {
        for (var i = owned.Count; i-- > 0;) owned[i].Dispose();
    }

    private T Own<T>(T value) where T : IDisposable
    {
        owned.Add(value);
        return value;
    }
}
