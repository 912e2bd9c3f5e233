using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>
/// In training: one expert, sampled by Gumbel-softmax (arXiv 1611.01144) at an annealed temperature. The sample is hard, weight 1;
/// its gradient is the soft one of the expert that ran, y - detach(y) + 1.
/// </summary>
internal sealed class SampleTop1Router : IRouter
{
    private const double Floor = 0.5, Rate = 1e-4;

    /// <summary>max(0.5, exp(-1e-4 · step)).</summary>
    public static double Temperature(long step) => Math.Max(Floor, Math.Exp(-Rate * step));

    public ExpertChoice Route(Tensor logits, RouterDraw draw)
    {
        using var temperature = Temperature(draw.Step).ToScalar(); // held until the division is done
        var noisy = logits.Plus(Gumbel(logits.shape, draw).to(logits.device)).div(temperature);
        var chosen = ExpertChoice.Largest(noisy, 1);
        var soft = noisy.softmax(-1).gather(1, tensor(chosen, [logits.shape[0], 1], int64, logits.device));
        return new ExpertChoice(1, chosen, (soft - soft.detach()).add(KeptScalar.Of(1), KeptScalar.Of(1)));
    }

    // -log(-log u), drawn on the CPU: the same on every device. u = 0 would give an infinity.
    private static Tensor Gumbel(long[] shape, RouterDraw draw)
    {
        using var mode = no_grad();
        using var generator = new Generator(draw.GeneratorSeed);
        return empty(shape).uniform_(0, 1, generator).clamp(KeptScalar.Of(1e-20)).log().neg().log().neg();
    }
}
