using Btx.Fixtures;
using Btx.Trainer.Evaluation;
using Btx.Trainer.Networks;
using Btx.Trainer.Tests.Networks;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Evaluation;

/// <summary>Runs alone: live tensors are counted over the whole process.</summary>
[Collection(NativeMemoryTests.Name)]
public sealed class TextScorerMemoryTests
{
    [Fact]
    public void No_tensor_is_left_behind()
    {
        using var model = new LlamaModel(TinyForest.DefaultConfig, CPU).Init(5);
        TextScorer.LogProbs(model, [new int[100]]);
        var before = Tensor.TotalCount;
        for (var n = 0; n < 5; n++) TextScorer.LogProbs(model, [new int[100], new int[20]]);
        Assert.Equal(before, Tensor.TotalCount);
    }
}
