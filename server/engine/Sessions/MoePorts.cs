using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Engine.Sessions;

/// <summary>What a mixture's graph has besides a dense one's: the output <c>router_gates</c> and, where k is not built in, the input
/// <c>experts_per_token</c>. One per binding.</summary>
/// <param name="io">The binding's; not owned.</param>
/// <param name="takesK">k is an input.</param>
/// <param name="maxTokens">Most tokens of a run, padding included.</param>
/// <param name="rebind">True where inputs are copied to a device when bound.</param>
internal sealed unsafe class MoePorts(OrtIoBinding io, int layers, int experts, bool takesK, int maxTokens, bool rebind) : IDisposable
{
    private readonly NativeBuffer choices = new(takesK ? 8L * maxTokens : 0);
    private OrtValue? choicesValue, gatesValue;
    private int boundTokens = -1;
    private float* boundGates;

    /// <summary>k of each token, to be filled before a run; of tokens that nobody reads,
    /// anything in 1..N. Empty where k is built in.</summary>
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
