using Btx.Model.Configuration;
using Btx.Model.Serving;
using Btx.Model.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>Makes the runner of a model of one served forest: same graphs, same settings, other weights.</summary>
/// <param name="context">Longest sequence in tokens.</param>
internal sealed class RunnerFactory(EngineOptions options, IReadOnlyList<GraphFile> graphs, ServedForestManifest served, LlamaConfig config,
    int context, int threads, int experts)
{
    private readonly SessionSettings settings = new(options.Device,
        options.IntraOpThreads > 0 ? options.IntraOpThreads : Math.Max(1, threads / experts), options.AllowSpinning, served.Precision);

    public LlamaConfig Config => config;

    /// <summary>Inside one session, the caller's included.</summary>
    public int SessionThreads => settings.IntraOpThreads;

    public TensorDtype Dtype { get; } = served.Precision == "fp16" ? TensorDtype.F16 : TensorDtype.F32;

    /// <param name="weights">Taken over, also if this throws.</param>
    /// <param name="prepack">False: starts at once, without threads of its own; <see cref="OnnxModelRunner.Stage"/> makes it fast
    /// later.</param>
    public OnnxModelRunner Create(WeightSet weights, bool prepack = true) =>
        new(config, graphs, weights, settings with { Prepack = prepack }, Dtype == TensorDtype.F16, options.Slots, context,
        options.MaxBatchTokens);
}
