using Btx.Model;
using Btx.Trainer.Checkpoints;
using Btx.Trainer.Networks;
using Btx.Trainer.Shards;
using Btx.Trainer.Tests.Phases;
using TorchSharp;
using TorchSharp.Modules;

namespace Btx.Trainer.Tests.Checkpoints;

public sealed class ResumeStoreTests : IDisposable
{
    private readonly TinyWorld world = new();

    public void Dispose() => world.Dispose();

    [Fact]
    public void Weights_moments_and_state_come_back_bit_for_bit()
    {
        using var model = new LlamaModel(world.Config(), torch.CPU).Init(1);
        using var optimizer = torch.optim.AdamW(model.Parameters, lr: 0.01);
        Step(model, optimizer, 3);
        var store = new ResumeStore(world.At("run"));
        var state = new ResumeState(3, SamplerState.Seeded(9) with { Drawn = 41 }, 1.5, "options");
        store.Save(state, model, optimizer);
        Step(model, optimizer, 2);
        var expected = Values(model);

        using var second = new LlamaModel(world.Config(), torch.CPU).Init(2);
        using var other = torch.optim.AdamW(second.Parameters, lr: 0.01);
        var (found, point) = store.Latest()!.Value;
        Assert.Equal(state, found);
        ResumeStore.Restore(point, second, other);
        Step(second, other, 2);
        Assert.Equal(expected, Values(second));
    }

    [Fact]
    public void Two_generations_are_kept_and_leftovers_are_swept()
    {
        using var model = new LlamaModel(world.Config(), torch.CPU).Init(1);
        using var optimizer = torch.optim.AdamW(model.Parameters, lr: 0.01);
        var store = new ResumeStore(world.At("run"));
        Assert.Null(store.Latest());
        for (var step = 1; step <= 4; step++) store.Save(new ResumeState(step, default, 0, ""), model, optimizer);
        Directory.CreateDirectory(Path.Combine(store.DirectoryPath, ".step-0000000005.tmp"));
        Assert.Equal(4, store.Latest()!.Value.State.Step);
        Assert.Equal(["step-0000000003", "step-0000000004"],
            Directory.GetDirectories(store.DirectoryPath).Select(Path.GetFileName).Order());
        File.WriteAllText(Path.Combine(store.DirectoryPath, "step-0000000004", "state.json"), "{");
        Assert.Equal(3, store.Latest()!.Value.State.Step);
    }

    [Fact]
    public void A_point_of_another_model_is_refused()
    {
        using var model = new LlamaModel(world.Config(), torch.CPU).Init(1);
        using var optimizer = torch.optim.AdamW(model.Parameters, lr: 0.01);
        var store = new ResumeStore(world.At("run"));
        store.Save(new ResumeState(1, default, 0, ""), model, optimizer);
        using var wide = new LlamaModel(world.Config(32), torch.CPU).Init(1);
        using var other = torch.optim.AdamW(wide.Parameters, lr: 0.01);
        Assert.Contains("does not fit the model",
            Assert.Throws<BtxException>(() => ResumeStore.Restore(store.Latest()!.Value.Point, wide, other)).Message);
    }

    private static void Step(LlamaModel model, AdamW optimizer, int steps)
    {
        for (var i = 0; i < steps; i++)
        {
            using var scope = torch.NewDisposeScope();
            optimizer.zero_grad();
            model.Loss(torch.tensor([1L, 2, 3, 4], [1, 4], torch.int64), torch.tensor([2L, 3, 4, 5], [1, 4], torch.int64)).backward();
            optimizer.step();
        }
    }

    private static float[] Values(LlamaModel model)
    {
        using var scope = torch.NewDisposeScope();
        return [.. model.Parameters.SelectMany(p => p.detach().cpu().data<float>().ToArray())];
    }
}
