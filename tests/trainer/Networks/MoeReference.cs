using Btx.Model.Configuration;
using Btx.Trainer.Networks;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Btx.Trainer.Tests.Networks;

/// <summary>A BTX model with every expert on every token, weighted by a gate matrix that is mostly
/// zero: what sparse dispatch must equal.</summary>
internal sealed class MoeReference(MoeFeedForward moe)
{
    private readonly Dictionary<string, Parameter> weights = moe.Parameters.ToDictionary(p => p.Name, p => p.Parameter);

    public Tensor Logits(Tensor x) => x.matmul(weights[MoeConfig.RouterTensor].transpose(0, 1));

    /// <param name="gates">[N, E].</param>
    public Tensor Forward(Tensor x, Tensor gates)
    {
        var y = zeros_like(x);
        for (var e = 0; e < moe.Experts; e++)
        {
            var gate = F.linear(x, weights[MoeConfig.GateTensor(e)]);
            var up = F.linear(x, weights[MoeConfig.UpTensor(e)]);
            y = y + (F.linear(gate * gate.sigmoid() * up, weights[MoeConfig.DownTensor(e)]) * gates.select(1, e).unsqueeze(1));
        }

        return y;
    }

    /// <summary>1 where an expert is among the k with the largest values, of equal ones the first: [N, E].</summary>
    public static Tensor Mask(Tensor values, int k)
    {
        int n = (int)values.shape[0], experts = (int)values.shape[1];
        var v = values.detach().data<float>().ToArray();
        var mask = new float[v.Length];
        for (var t = 0; t < n; t++)
        {
            foreach (var e in Enumerable.Range(0, experts).OrderByDescending(e => v[(t * experts) + e]).Take(k))
                mask[(t * experts) + e] = 1;
        }

        return tensor(mask, [n, experts]);
    }
}
