using static TorchSharp.torch;

namespace Btx.Trainer.Networks.Routers;

/// <summary>One rule that gives tokens to experts, see <see cref="Btx.Model.Mixtures.RouterKind"/>.</summary>
internal interface IRouter
{
    /// <param name="logits">W x, [N tokens, E experts].</param>
    /// <param name="draw">Which draw this is, for a rule that samples.</param>
    ExpertChoice Route(Tensor logits, RouterDraw draw);
}
