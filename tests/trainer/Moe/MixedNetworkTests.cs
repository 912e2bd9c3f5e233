using Btx.Model.Moe;
using Btx.Trainer.Moe;
using Btx.Trainer.Networks;
using TorchSharp;

namespace Btx.Trainer.Tests.Moe;

public sealed class MixedNetworkTests : IDisposable
{
    private readonly MixWorld world = new();

    public void Dispose() => world.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Copies_of_a_model_compute_what_it_computes_however_they_are_routed(int k)
    {
        MixWorld.Mix(new MixRequest { Upcycle = world.At("seed"), Copies = 3, Output = world.At("mix") });
        Same(Logits("seed"), Logits("mix", k));
    }

    [Fact]
    public void A_mixture_of_one_expert_is_that_expert()
    {
        MixWorld.Mix(world.Fitted with { Experts = ["bees"] });
        Same(Logits("forest/experts/bees"), Logits("mix"));
    }

    [Fact]
    public void Ridge_routers_send_most_tokens_to_the_expert_of_their_language()
    {
        using var wide = new MixWorld(hidden: 128);
        MixWorld.Mix(wide.Fitted with { K = 1 });
        using var mix = LlamaCheckpoint.Load(wide.At("mix"), torch.CPU);
        using var mode = torch.no_grad();
        for (var domain = 0; domain < 3; domain++)
        {
            using var scope = torch.NewDisposeScope();
            _ = mix.Forward(torch.tensor(wide.TestIds(domain, 32), [1, 32], torch.int64));
            foreach (var layer in mix.Moe) Assert.InRange(layer.Routing!.TokensPerExpert()[domain], 24, 32);
        }
    }

    private float[] Logits(string model, int? k = null)
    {
        using var network = LlamaCheckpoint.Load(world.At(model), torch.CPU, k);
        using var mode = torch.no_grad();
        using var scope = torch.NewDisposeScope();
        return network.Forward(torch.tensor(world.TestIds(1, 32), [1, 32], torch.int64)).data<float>().ToArray();
    }

    private static void Same(float[] expected, float[] actual)
    {
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 1e-5);
    }
}
