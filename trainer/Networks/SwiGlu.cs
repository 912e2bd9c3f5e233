using Btx.Model.Configuration;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Trainer.Networks;

/// <summary>Llama's feed-forward: W_down (silu(W_gate x) ⊙ W_up x). Source: arXiv 2002.05202, section 2.</summary>
public sealed class SwiGlu : IFeedForward
{
    private readonly Parameter gate; // [f, d]
    private readonly Parameter up;   // [f, d]
    private readonly Parameter down; // [d, f]

    /// <summary>Leaves the weights uninitialised.</summary>
    public SwiGlu(LlamaConfig config, Device device)
    {
        gate = LlamaModel.NewParameter(device, config.IntermediateSize, config.HiddenSize);
        up = LlamaModel.NewParameter(device, config.IntermediateSize, config.HiddenSize);
        down = LlamaModel.NewParameter(device, config.HiddenSize, config.IntermediateSize);
    }

    public IEnumerable<(string Name, Parameter Parameter)> Parameters =>
    [
        ("mlp.gate_proj.weight", gate),
        ("mlp.up_proj.weight", up),
        ("mlp.down_proj.weight", down),
    ];

    public Tensor Forward(Tensor x) => Apply(x, gate, up, down);

    /// <param name="x">[N, d].</param>
    /// <param name="gate">[f, d].</param>
    /// <param name="up">[f, d].</param>
    /// <param name="down">[d, f].</param>
    internal static Tensor Apply(Tensor x, Tensor gate, Tensor up, Tensor down) =>
        Linear.Of(F.silu(Linear.Of(x, gate)) * Linear.Of(x, up), down);

    public void Dispose()
    {
        gate.Dispose();
        up.Dispose();
        down.Dispose();
    }
}
