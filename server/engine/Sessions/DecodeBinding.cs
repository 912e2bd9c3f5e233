using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>The decode graph bound to slots first … first + span − 1. Inputs are read from fixed memory, so a run binds nothing.</summary>
internal sealed unsafe class DecodeBinding : IDisposable
{
    private readonly GraphBinding graph;
    private readonly OrtValue[] view;
    private readonly MoePorts? moe;
    private readonly int span;
    private readonly float* gates;

    /// <param name="ids">int64, room for span.</param>
    /// <param name="pasts">int32, room for span.</param>
    /// <param name="total">int32.</param>
    /// <param name="logits">fp32, room for span·V.</param>
    /// <param name="gates">fp32, room for span·L·N of a BTX model.</param>
    /// <param name="rebind">True where inputs are copied to a device when bound.</param>
    public DecodeBinding(InferenceSession session, KvCache kv, LlamaConfig config, int first, int span, bool takesK, long* ids, int* pasts,
        int* total, float* logits, float* gates, bool rebind)
    {
        this.span = span;
        this.gates = gates;
        graph = new GraphBinding(session, rebind);
        if (config.Moe is { } m) moe = new MoePorts(graph, config.NumHiddenLayers, m.Experts, takesK, span);
        graph.Input("input_ids", TensorViews.Cpu(ids, TensorElementType.Int64, span, 1));
        graph.Input("seqlens_k", TensorViews.Cpu(pasts, TensorElementType.Int32, span));
        graph.Input("total_sequence_length", TensorViews.Cpu(total, TensorElementType.Int32));
        view = kv.View(first, span);
        graph.Cache(kv.Names("past_key_values"), kv.Names("present"), view);
        graph.Output("logits", TensorViews.Cpu(logits, TensorElementType.Float, span, config.VocabSize));
    }

    public Span<long> ExpertsPerToken => moe is null ? [] : moe.ExpertsPerToken;

    public void Run(RunOptions options)
    {
        moe?.Bind(span, gates);
        graph.Run(options);
    }

    public void Dispose()
    {
        graph.Dispose();
        moe?.Dispose();
        foreach (var value in view) value.Dispose();
    }
}

/// <summary>A BTX model's output, the gates, and its input where k is not built in: k of each token. One per binding.</summary>
/// <param name="maxTokens">Most tokens of a run, padding included.</param>
internal sealed unsafe class MoePorts(GraphBinding graph, int layers, int experts, bool takesK, int maxTokens) : IDisposable
{
    private readonly NativeBuffer choices = new(takesK ? 8L * maxTokens : 0);
    private int boundTokens = -1;
    private float* boundGates;

    /// <summary>k of each token, to be filled before a run; at least 1. Empty where k is built in.</summary>
    public Span<long> ExpertsPerToken => choices.Span<long>(0, takesK ? maxTokens : 0);

    /// <summary>Before a run.</summary>
    /// <param name="gates">Out: [tokens, L, N].</param>
    public void Bind(int tokens, float* gates)
    {
        if (tokens != boundTokens || gates != boundGates)
            graph.Output("router_gates", TensorViews.Cpu(gates, TensorElementType.Float, tokens, layers, experts));
        if (takesK && tokens != boundTokens)
            graph.Input("experts_per_token", TensorViews.Cpu(choices.Pointer, TensorElementType.Int64, tokens));
        boundTokens = tokens;
        boundGates = gates;
    }

    public void Dispose() => choices.Dispose();
}
