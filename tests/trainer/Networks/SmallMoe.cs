using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Moe;
using Btx.Trainer.Networks;
using Btx.Trainer.Networks.Routers;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

/// <summary>A BTX model of five experts with fixed random weights, its inputs, and how closely values must agree.</summary>
internal static class SmallMoe
{
    public const int Tokens = 29, Experts = 5, Width = 12;

    public static readonly LlamaConfig Config = new()
    {
        VocabSize = 31,
        HiddenSize = Width,
        IntermediateSize = 20,
        NumHiddenLayers = 2,
        NumAttentionHeads = 2,
        NumKeyValueHeads = 1,
        MaxPositionEmbeddings = 16,
        Moe = new MoeConfig(Experts, 2),
    };

    public static MoeFeedForward NewMoe(LlamaConfig? config = null, int layer = 0)
    {
        var moe = new MoeFeedForward(config ?? Config, layer, CPU);
        using var mode = no_grad();
        using var generator = new Generator(77);
        foreach (var (_, p) in moe.Parameters) p.normal_(0, 0.4, generator);
        return moe;
    }

    public static Tensor Input(ulong seed = 5)
    {
        using var generator = new Generator(seed);
        return empty([Tokens, Width]).normal_(0, 1, generator);
    }

    public static void Fill(MoeFeedForward moe, string name, Tensor value)
    {
        using var mode = no_grad();
        moe.Parameters.Single(p => p.Name == name).Parameter.copy_(value);
    }

    /// <summary>The gates of every token, [N, E] row by row: 0 where an expert was not chosen.</summary>
    public static float[] Gates(this TokenRouting routing)
    {
        var gates = new float[routing.Tokens * routing.Experts];
        for (var i = 0; i < routing.Chosen.Length; i++)
            gates[(i / routing.PerToken * routing.Experts) + routing.Chosen[i]] = routing.Weights[i];
        return gates;
    }

    // Softmax over all, the others struck out, renormalised: as Hugging Face writes it.
    public static Tensor Gates(Tensor logits, int k)
    {
        var masked = logits.softmax(-1) * MoeReference.Mask(logits, k);
        return masked / masked.sum(-1, keepdim: true);
    }

    public static void Close(Tensor expected, Tensor actual)
    {
        Assert.Equal(expected.shape, actual.shape);
        float[] a = expected.detach().contiguous().data<float>().ToArray(), b = actual.detach().contiguous().data<float>().ToArray();
        var scale = Math.Max(1, a.Max(Math.Abs));
        for (var i = 0; i < a.Length; i++) Assert.True(Math.Abs(a[i] - b[i]) <= 2e-6 * scale, $"element {i}: {b[i]}, expected {a[i]}");
    }
}
