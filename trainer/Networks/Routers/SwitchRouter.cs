using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>
/// In training: the largest logit alone, and at most <c>capacityFactor</c> times its even share of the tokens for each expert
/// (arXiv 2101.03961, section 2.2); the rest pass on the residual. The weight is 1, as at inference; its gradient is that of
/// p / detach(p), p the softmax over all logits.
/// </summary>
internal sealed class SwitchRouter(double capacityFactor) : IRouter
{
    public ExpertChoice Route(Tensor logits, RouterDraw draw)
    {
        long tokens = logits.shape[0], experts = logits.shape[1];
        var chosen = ExpertChoice.Largest(logits, 1);
        var logP = logits.log_softmax(-1).gather(1, tensor(chosen, [tokens, 1], int64, logits.device));
        return new ExpertChoice(1, chosen, (logP - logP.detach()).exp(), (int)Math.Ceiling(capacityFactor * tokens / experts));
    }
}
