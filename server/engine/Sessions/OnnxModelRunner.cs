using Microsoft.ML.OnnxRuntime;

namespace Btx.Engine.Sessions;

/// <summary>One model in ONNX Runtime. The KV cache and the weights belong to the model, not to its sessions: sessions that start at once,
/// without prepacking, can be replaced between two runs. Owns sessions, cache and weights.</summary>
internal sealed class OnnxModelRunner : IModelRunner
{
    private readonly WeightSet weights;
    private readonly Func<KvCache?, bool, ModelSessions> open;
    private readonly KvCache? kv;
    private readonly bool stages;
    private readonly RunOptions runOptions = new();
    private readonly int[] filled; // per slot: tokens held
    private ModelSessions? sessions;
    private bool staged;

    /// <param name="settings">Without prepacking: no threads of their own; <see cref="Stage"/> makes the prepacked ones.</param>
    public OnnxModelRunner(LlamaConfig config, IReadOnlyList<GraphFile> graphFiles, WeightSet weights, SessionSettings settings,
        bool halfPrecision, int slots, int context, int maxTokens)
    {
        this.weights = weights;
        filled = new int[slots + 1];
        stages = !settings.Prepack && !settings.Device.IsCuda;
        open = (cache, prepack) => new ModelSessions(config, graphFiles, weights, prepack ? settings with { Prepack = true }
            : settings with { Prepack = false, IntraOpThreads = 1 }, halfPrecision, slots, context, maxTokens, cache);
        var memory = new SequenceMemory(config, slots, context, maxTokens, halfPrecision ? 2 : 4);
        try
        {
            memory.Require(settings.Device);
            sessions = open(null, settings.Prepack);
            kv = sessions.Cache;
        }
        catch (OutOfMemoryException e)
        {
            Dispose();
            throw memory.Refusal("the system does not give that much", e);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public int Sessions => sessions!.Count;

    public ModelMemory Memory => new(weights.Bytes, kv!.Bytes, sessions!.Bytes);

    public void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens) => sessions!.Run(runOptions, rows, tokens, filled);

    public ReadOnlySpan<float> Logits(int row, int position) => sessions!.Logits(row, position);

    public ReadOnlySpan<float> LogLikelihoods(int row) => sessions!.LogLikelihoods(row);

    public ReadOnlySpan<float> Gates(int row) => sessions!.Gates(row);

    public IStagedSessions? Stage()
    {
        if (!stages || staged) return null;
        var made = new Staged(this, open(kv, true));
        staged = true;
        return made;
    }

    public void Dispose()
    {
        sessions?.Unbind();
        kv?.Dispose(); // on a device, from a session's allocator
        sessions?.Dispose();
        weights.Dispose();
        runOptions.Dispose();
    }

    private sealed class Staged(OnnxModelRunner runner, ModelSessions idle) : IStagedSessions
    {
        public void Install() => (runner.sessions, idle) = (idle, runner.sessions!);

        public void Dispose() => idle.Dispose();
    }
}
