using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>The part of a layer that varies between networks: what follows attention. Owns its parameters.</summary>
public interface IFeedForward : IDisposable
{
    /// <summary>Parameters by their names inside the layer, as in the checkpoint (<c>mlp.gate_proj.weight</c>).</summary>
    IEnumerable<(string Name, Parameter Parameter)> Parameters { get; }

    /// <param name="x">[N, d], normalised.</param>
    /// <returns>[N, d], to be added to the residual stream.</returns>
    Tensor Forward(Tensor x);
}
