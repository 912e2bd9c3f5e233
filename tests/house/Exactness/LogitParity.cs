using Btx.Exporter;
using Btx.Trainer.Networks;
using static TorchSharp.torch;

namespace Btx.House.Tests.Exactness;

/// <summary>Logits of the trainer's network and of exported graphs, and how close they must be.</summary>
internal static class LogitParity
{
    private const double Tolerance = 1e-4;

    public static float[] TorchLogits(string directory, int[] tokens, int? expertsPerToken = null)
    {
        using var scope = NewDisposeScope();
        using var mode = no_grad();
        using var model = LlamaCheckpoint.Load(directory, CPU, expertsPerToken);
        return model.Forward(tensor(tokens.Select(t => (long)t).ToArray()).view(1, tokens.Length)).data<float>().ToArray();
    }

    public static float[] Prefill(GraphRunner runner, int slot, int[] tokens, int[] chunks)
    {
        var logits = new List<float>();
        var past = 0;
        foreach (var chunk in chunks)
        {
            logits.AddRange(runner.Ragged([new RaggedRow(slot, past, tokens[past..(past + chunk)])],
                [.. Enumerable.Range(0, chunk).Select(i => (long)i)]));
            past += chunk;
        }

        Assert.Equal(tokens.Length, past);
        return [.. logits];
    }

    public static void AssertClose(float[] expected, float[] actual, string what)
    {
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        var worst = expected.Zip(actual, (e, a) => Math.Abs(e - a)).Max() / scale;
        Assert.True(worst <= Tolerance, $"{what}: largest relative difference {worst:e2}");
        Assert.True(scale > 0.1, "logits too small to tell anything");
    }
}
