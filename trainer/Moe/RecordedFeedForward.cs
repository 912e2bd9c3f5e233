using Btx.Trainer.Networks;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Btx.Trainer.Moe;

/// <summary>A feed-forward that keeps what it last read: in a mixture, that is what the layer's router reads.</summary>
internal sealed class RecordedFeedForward(IFeedForward inner) : IFeedForward
{
    /// <summary>[N, d]; lives as long as the caller's dispose scope.</summary>
    public Tensor? Input { get; private set; }

    public IEnumerable<(string Name, Parameter Parameter)> Parameters => inner.Parameters;

    public Tensor Forward(Tensor x)
    {
        Input = x;
        return inner.Forward(x);
    }

    public void Dispose() => inner.Dispose();
}
