using Btx.Model.Configuration;
using Btx.Trainer.Networks;
using Btx.Trainer.Optimisation;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Tests.Networks;

[Collection(NativeMemoryTests.Name)]
public sealed class TrainingMemoryTests
{
    [Fact]
    public void A_thousand_steps_learn_and_leave_native_memory_flat()
    {
        var config = new LlamaConfig
        {
            VocabSize = 64,
            HiddenSize = 16,
            IntermediateSize = 32,
            NumHiddenLayers = 1,
            NumAttentionHeads = 2,
            NumKeyValueHeads = 1,
            MaxPositionEmbeddings = 32
        };
        using var model = new LlamaModel(config, CPU).Init(1);
        using var optimizer = new AdamW(model.Parameters, new AdamWSettings { WeightDecay = 0.01 }, 3e-3);
        var sequence = Enumerable.Range(0, 33).Select(i => (long)(i * i % 64)).ToArray();
        double first = 0, last = 0;
        long live = 0, resident = 0;
        for (var step = 0; step < 1000; step++)
        {
            using (NewDisposeScope())
            {
                var loss = model.Loss(tensor(sequence[..32], [1, 32]), tensor(sequence[1..], [1, 32]));
                loss.backward();
                optimizer.Step(3e-3);
                last = loss.item<float>();
                if (step == 0) first = last;
            }

            if (step != 200) continue;
            Settle();
            live = Tensor.TotalCount;
            resident = Environment.WorkingSet;
        }

        Settle();
        Assert.InRange(first, 3.5, 4.8);
        Assert.True(last < 0.1 * first, $"loss went from {first} to {last}");
        Assert.Equal(live, Tensor.TotalCount);

        // A step's activations are about 1 MB: 800 leaked steps would be hundreds.
        Assert.True(
            Environment.WorkingSet - resident < 64 << 20, $"resident memory grew by {(Environment.WorkingSet - resident) >> 20} MiB");
    }

    private static void Settle()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
    }
}
