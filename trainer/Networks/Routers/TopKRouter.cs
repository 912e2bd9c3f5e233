using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>g = softmax over the k largest logits (arXiv 2401.04088, section 2.1). Every kind routes so at inference.</summary>
internal sealed class TopKRouter(int k) : IRouter
{
    public ExpertChoice Route(Tensor logits, RouterDraw draw)
    {
        var chosen = ExpertChoice.Largest(logits, k);
        var index = tensor(chosen, [logits.shape[0], k], int64, logits.device);
        return new ExpertChoice(k, chosen, logits.gather(1, index).softmax(-1));
    }
}
