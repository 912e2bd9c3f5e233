using System.Runtime.InteropServices;
using Btx.Model.Averaging;
using static TorchSharp.torch;

namespace Btx.Trainer.Networks;

/// <summary>θ = Σ_j w_j θ_j of several models of one architecture (Branch-Train-Merge, section 2.3), read tensor by tensor from their
/// mapped files.</summary>
public sealed class ModelAverage : IDisposable
{
    private readonly List<Checkpoint> checkpoints = [];
    private readonly double[] shares;

    private ModelAverage(IReadOnlyList<string> models, IReadOnlyList<double> weights)
    {
        shares = ParameterAverage.Normalise(weights);
        foreach (var model in models)
        {
            checkpoints.Add(Checkpoint.Open(model));
            if (checkpoints[^1].Config.RequireDense(model).Fingerprint() == checkpoints[0].Config.Fingerprint()) continue;
            throw new BtxException($"{model} and {models[0]} have different architectures (config.json); only equal ones can be averaged");
        }
    }

    /// <summary>The average as a network in memory.</summary>
    /// <param name="models">Directories of one architecture.</param>
    /// <param name="weights">Not negative, summing to 1, one for each directory.</param>
    /// <param name="config">Of that architecture; null: the first one's.</param>
    /// <exception cref="BtxException">The architectures differ, or a model is malformed.</exception>
    public static LlamaModel Load(IReadOnlyList<string> models, IReadOnlyList<double> weights, Device device, LlamaConfig? config = null)
    {
        using var average = new ModelAverage(models, weights);
        config ??= average.checkpoints[0].Config;
        var model = new LlamaModel(config, device) { Source = $"the average of {string.Join(", ", models)}" };
        LlamaCheckpoint.Fill(model, average.Read);
        return model;
    }

    /// <summary>The average as a model directory in fp32, which appears whole.</summary>
    /// <inheritdoc cref="Load"/>
    public static void Write(IReadOnlyList<string> models, IReadOnlyList<double> weights, string directory)
    {
        using var average = new ModelAverage(models, weights);
        try
        {
            using var target = new AtomicDirectory(directory);
            CheckpointWriter.Write(target.Building, average.checkpoints[0].Config with { TorchDtype = "float32" },
                (name, bytes) => average.Read(name, MemoryMarshal.Cast<byte, float>(bytes)), shardBytes: long.MaxValue);
            TokenizerFiles.Copy(models[0], target.Building);
            target.Commit();
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot write {directory}: {e.Message}", e);
        }
    }

    public void Dispose() => checkpoints.ForEach(c => c.Dispose());

    private void Read(string name, Span<float> average)
    {
        var sum = new double[average.Length];
        for (var j = 0; j < shares.Length; j++)
        {
            if (shares[j] == 0) continue;
            checkpoints[j].CopyTo(name, average);
            ParameterAverage.Accumulate(average, shares[j], sum);
        }

        ParameterAverage.Round(sum, average);
    }
}
