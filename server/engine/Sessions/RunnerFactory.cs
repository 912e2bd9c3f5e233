using Btx.Model.Configuration;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>Makes the runner of a model of one served forest: same graphs, same settings, other weights.</summary>
/// <param name="directory">Of the served forest.</param>
/// <param name="context">Longest sequence in tokens.</param>
internal sealed class RunnerFactory(EngineOptions options, string directory, ServedForestManifest served, LlamaConfig config, int context, int threads, int experts)
{
    private readonly SessionSettings settings = new(
        options.Device, options.IntraOpThreads > 0 ? options.IntraOpThreads : Math.Max(1, threads / experts), options.AllowSpinning, served.Precision);

    private readonly IReadOnlyList<(ServedGraph Graph, string Path)> graphs = [.. served.Graphs.Select(g => (g, Path.GetFullPath(Path.Combine(directory, g.File))))];

    public LlamaConfig Config => config;

    /// <summary>Inside one session, the caller's included.</summary>
    public int SessionThreads => settings.IntraOpThreads;

    public TensorDtype Dtype { get; } = served.Precision == "fp16" ? TensorDtype.F16 : TensorDtype.F32;

    /// <param name="weights">Taken over, also if this throws.</param>
    /// <param name="prepack">False: starts at once, without threads of its own; <see cref="OnnxModelRunner.Stage"/> makes it fast later.</param>
    public OnnxModelRunner Create(WeightSet weights, bool prepack = true) =>
        new(config, graphs, weights, settings with { Prepack = prepack }, Dtype == TensorDtype.F16, options.Slots, context, options.MaxBatchTokens);
}
