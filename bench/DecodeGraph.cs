using System.Diagnostics;
using Btx.Exporter;
using Btx.Model.Configuration;
using Btx.Model.Devices;
using Btx.Model.Serving;
using Btx.Model.Tensors;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Bench;

/// <summary>The served decode graph of a forest's first expert in a session, with nothing around it.</summary>
internal sealed class DecodeGraph : IDisposable
{
    private readonly List<IDisposable> owned = [];
    private readonly GraphRunner runner;

    public DecodeGraph(TinyServedForest forest, LlamaConfig config, int threads)
    {
        var manifest = forest.Report.Manifest;
        using var options = DeviceSessions.Options(DeviceSpec.Cpu, threads);
        var weights = CheckpointFiles.Weights(manifest.WeightsDirectory(forest.Served, manifest.Experts[0]));
        Own(new BoundWeights(Own(new ServedFiles(weights)).Files)).AddTo(options);
        var graph = manifest.Graphs.First(g => g.Form == ServedGraph.Decode);
        var session = Own(new InferenceSession(Path.Combine(forest.Served, graph.File), options, Own(new PrePackedWeightsContainer())));
        runner = new GraphRunner(session, config, Own(new KvSlots(config, 1, config.MaxPositionEmbeddings, GraphPrecision.Fp32)));
    }

    /// <summary>Steps from a position on.</summary>
    /// <returns>Microseconds a step.</returns>
    public double Decode(int from, int steps)
    {
        var began = Stopwatch.GetTimestamp();
        for (var step = 0; step < steps; step++) runner.Decode(0, [33 + (step % 90)], [from + step]);
        return Stopwatch.GetElapsedTime(began).TotalMicroseconds / steps;
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
