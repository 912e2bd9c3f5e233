using Btx.Model.Configuration;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>The decode graph bound to slots first … first + span − 1. Inputs are read from fixed memory, so a run binds nothing.</summary>
internal sealed unsafe class DecodeBinding : IDisposable
{
    private readonly InferenceSession session;
    private readonly OrtIoBinding io;
    private readonly List<OrtValue> values = [];
    private readonly (string Name, OrtValue Value)[] inputs;
    private readonly MoePorts? moe;
    private readonly int span;
    private readonly float* gates;
    private readonly bool rebind;

    /// <param name="ids">int64, room for span.</param>
    /// <param name="pasts">int32, room for span.</param>
    /// <param name="total">int32.</param>
    /// <param name="logits">fp32, room for span·V.</param>
    /// <param name="gates">fp32, room for span·L·N of a BTX model.</param>
    /// <param name="rebind">True where inputs are copied to a device when bound.</param>
    public DecodeBinding(InferenceSession session, KvCache kv, LlamaConfig config, int first, int span, bool takesK, long* ids, int* pasts,
        int* total, float* logits, float* gates, bool rebind)
    {
        (this.session, this.span, this.rebind) = (session, span, rebind);
        this.gates = gates;
        io = session.CreateIoBinding();
        if (config.Moe is { } m) moe = new MoePorts(io, config.NumHiddenLayers, m.Experts, takesK, span, rebind);
        inputs =
        [
            ("input_ids", Own(TensorViews.Cpu(ids, TensorElementType.Int64, span, 1))),
            ("seqlens_k", Own(TensorViews.Cpu(pasts, TensorElementType.Int32, span))),
            ("total_sequence_length", Own(TensorViews.Cpu(total, TensorElementType.Int32))),
        ];
        BindInputs();
        var (pastNames, presentNames) = (kv.Names("past_key_values"), kv.Names("present"));
        var view = kv.View(first, span);
        for (var i = 0; i < view.Length; i++)
        {
            io.BindInput(pastNames[i], Own(view[i]));
            io.BindOutput(presentNames[i], view[i]);
        }

        io.BindOutput("logits", Own(TensorViews.Cpu(logits, TensorElementType.Float, span, config.VocabSize)));
    }

    public Span<long> ExpertsPerToken => moe is null ? [] : moe.ExpertsPerToken;

    public void Run(RunOptions options)
    {
        moe?.Bind(span, gates);
        if (rebind) BindInputs();
        session.RunWithBinding(options, io);
    }

    public void Dispose()
    {
        io.Dispose();
        moe?.Dispose();
        foreach (var value in values) value.Dispose();
    }

    private void BindInputs()
    {
        foreach (var (name, value) in inputs) io.BindInput(name, value);
    }

    private OrtValue Own(OrtValue value)
    {
        values.Add(value);
        return value;
    }
}

/// <summary>What a BTX model's graph has besides a dense one's: the output <c>router_gates</c> and, where k is not built in, the input
/// <c>experts_per_token</c>. One per binding.</summary>
/// <param name="maxTokens">Most tokens of a run, padding included.</param>
/// <param name="rebind">True where inputs are copied to a device when bound.</param>
internal sealed unsafe class MoePorts(OrtIoBinding io, int layers, int experts, bool takesK, int maxTokens, bool rebind) : IDisposable
{
    private readonly NativeBuffer choices = new(takesK ? 8L * maxTokens : 0);
    private OrtValue? choicesValue, gatesValue;
    private int boundTokens = -1;
    private float* boundGates;

    /// <summary>k of each token, to be filled before a run; at least 1. Empty where k is built in.</summary>
    public Span<long> ExpertsPerToken => choices.Span<long>(0, takesK ? maxTokens : 0);

    /// <summary>Before a run.</summary>
    /// <param name="gates">Out: [tokens, L, N].</param>
    public void Bind(int tokens, float* gates)
    {
        if (tokens != boundTokens || gates != boundGates)
        {
            gatesValue?.Dispose();
            gatesValue = TensorViews.Cpu(gates, TensorElementType.Float, tokens, layers, experts);
            io.BindOutput("router_gates", gatesValue);
        }

        if (takesK && (rebind || tokens != boundTokens))
        {
            if (tokens != boundTokens)
            {
                choicesValue?.Dispose();
                choicesValue = TensorViews.Cpu(choices.Pointer, TensorElementType.Int64, tokens);
            }

            io.BindInput("experts_per_token", choicesValue!);
        }

        boundTokens = tokens;
        boundGates = gates;
    }

    public void Dispose()
    {
        choicesValue?.Dispose();
        gatesValue?.Dispose();
        choices.Dispose();
    }
}
