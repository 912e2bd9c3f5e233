using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>g = softmax over all logits: every expert runs on every token.</summary>
internal sealed class SoftRouter : IRouter
{
    public ExpertChoice Route(Tensor logits, RouterDraw draw)
    {
        int tokens = (int)logits.shape[0], experts = (int)logits.shape[1];
        var all = new long[tokens * experts];
        for (var i = 0; i < all.Length; i++) all[i] = i % experts;
        return new ExpertChoice(experts, all, logits.softmax(-1));
    }
}
