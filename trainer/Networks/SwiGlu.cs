using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Trainer.Networks;

/// <summary>The part of a layer that varies between networks: what follows attention. Its parameters belong to the network.</summary>
public interface IFeedForward
{
    /// <summary>Parameters by their names inside the layer, as in the checkpoint (<c>mlp.gate_proj.weight</c>).</summary>
    IEnumerable<(string Name, Parameter Parameter)> Parameters { get; }

    /// <param name="x">[N, d], normalised.</param>
    /// <returns>[N, d], to be added to the residual stream.</returns>
    Tensor Forward(Tensor x);
}

/// <summary>Llama's feed-forward: W_down (silu(W_gate x) ⊙ W_up x) (arXiv 2002.05202, section 2); uninitialised at first.</summary>
public sealed class SwiGlu(LlamaConfig config, Device device) : IFeedForward
{
    internal Parameter Gate { get; } = LlamaModel.NewParameter(device, config.IntermediateSize, config.HiddenSize); // [f, d]
    internal Parameter Up { get; } = LlamaModel.NewParameter(device, config.IntermediateSize, config.HiddenSize);   // [f, d]
    internal Parameter Down { get; } = LlamaModel.NewParameter(device, config.HiddenSize, config.IntermediateSize); // [d, f]

    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
        [("mlp.gate_proj.weight", Gate), ("mlp.up_proj.weight", Up), ("mlp.down_proj.weight", Down)];

    public Tensor Forward(Tensor x) => Linear.Of(F.silu(Linear.Of(x, Gate)) * Linear.Of(x, Up), Down);
}
