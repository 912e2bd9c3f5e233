using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>One rule that gives tokens to experts, see <see cref="Btx.Model.Moe.RouterKind"/>.</summary>
/// <param name="logits">W x, [N tokens, E experts].</param>
internal delegate ExpertChoice Router(Tensor logits, RouterDraw draw);

/// <summary>Names one draw of random numbers: a run that resumes at a step draws there what the uninterrupted run drew.</summary>
/// <param name="Part">Which of the step's accumulated batches, from 0.</param>
public readonly record struct RouterDraw(long Seed, long Step, int Part, int Layer)
{
    /// <summary>Seeds a generator: SplitMix64 over the four numbers.</summary>
    public ulong GeneratorSeed => Mix(Mix(Mix(Mix((ulong)Seed) ^ (ulong)Step) ^ (ulong)Part) ^ (ulong)Layer);

    private static ulong Mix(ulong x) => SplitMix64.Mix(x + SplitMix64.Step);
}

/// <summary>The routers, by the names that <see cref="Btx.Model.Moe.RouterKind"/> gives them.</summary>
internal static class TokenRouters
{
    /// <summary>g = softmax over all logits: every expert runs on every token.</summary>
    public static ExpertChoice Soft(Tensor logits, RouterDraw draw)
    {
        int tokens = (int)logits.shape[0], experts = (int)logits.shape[1];
        var all = new long[tokens * experts];
        for (var i = 0; i < all.Length; i++) all[i] = i % experts;
        return new ExpertChoice(experts, all, logits.softmax(-1));
    }

    /// <summary>g = softmax over the k largest logits (arXiv 2401.04088, section 2.1). Every kind routes so at inference.</summary>
    public static Router TopK(int k) => (logits, _) =>
    {
        var chosen = ExpertChoice.Largest(logits, k);
        return new ExpertChoice(k, chosen, Of(logits, chosen, k).softmax(-1));
    };

    /// <summary>In training: the largest logit alone, and at most <paramref name="capacityFactor"/> times its even share of the tokens for
    /// each expert (arXiv 2101.03961, section 2.2); the rest pass on the residual. The weight is 1, as at inference; its gradient is that
    /// of p / detach(p), p the softmax over all logits.</summary>
    public static Router Switch(double capacityFactor) => (logits, _) =>
    {
        var chosen = ExpertChoice.Largest(logits, 1);
        var logP = Of(logits.log_softmax(-1), chosen, 1);
        return new ExpertChoice(1, chosen, (logP - logP.detach()).exp(),
            (int)Math.Ceiling(capacityFactor * logits.shape[0] / logits.shape[1]));
    };

    /// <summary>In training: one expert, sampled by Gumbel-softmax (arXiv 1611.01144) at an annealed temperature. The sample is hard,
    /// weight 1; its gradient is the soft one of the expert that ran, y - detach(y) + 1.</summary>
    public static ExpertChoice SampleTop1(Tensor logits, RouterDraw draw)
    {
        using var temperature = Math.Max(0.5, Math.Exp(-1e-4 * draw.Step)).ToScalar(); // held until the division is done
        var noisy = logits.Plus(Gumbel(logits.shape, draw).to(logits.device)).div(temperature);
        var chosen = ExpertChoice.Largest(noisy, 1);
        var soft = Of(noisy.softmax(-1), chosen, 1);
        return new ExpertChoice(1, chosen, (soft - soft.detach()).add(KeptScalar.Of(1), KeptScalar.Of(1)));
    }

    // values [N, E] of the chosen: [N, k]
    private static Tensor Of(Tensor values, long[] chosen, int k) =>
        values.gather(1, tensor(chosen, [values.shape[0], k], int64, values.device));

    // -log(-log u), drawn on the CPU: the same on every device. u = 0 would give an infinity.
    private static Tensor Gumbel(long[] shape, RouterDraw draw)
    {
        using var mode = no_grad();
        using var generator = new Generator(draw.GeneratorSeed);
        return empty(shape).uniform_(0, 1, generator).clamp(KeptScalar.Of(1e-20)).log().neg().log().neg();
    }
}
