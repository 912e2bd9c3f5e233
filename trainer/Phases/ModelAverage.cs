using System.Runtime.InteropServices;
using Btx.Model;
using Btx.Model.Averaging;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;
using Btx.Model.Tokens;

namespace Btx.Trainer.Phases;

/// <summary>Writes θ = Σ_j w_j θ_j of several models as a model directory, tensor by tensor from their mapped files.</summary>
public static class ModelAverage
{
    /// <summary>Builds the average in <paramref name="directory"/>, which appears whole.</summary>
    /// <param name="models">Directories of one architecture.</param>
    /// <param name="weights">Not negative, summing to 1.</param>
    /// <exception cref="BtxException">The architectures differ, a model is malformed, or the disk is full.</exception>
    public static void Write(IReadOnlyList<string> models, IReadOnlyList<double> weights, string directory)
    {
        var shares = ParameterAverage.Normalise(weights);
        var checkpoints = new List<Checkpoint>();
        try
        {
            foreach (var model in models)
            {
                checkpoints.Add(Checkpoint.Open(model));
                checkpoints[^1].Config.RequireDense(model);
                if (checkpoints[^1].Config.Fingerprint() != checkpoints[0].Config.Fingerprint())
                    throw new BtxException($"{model} and {models[0]} have different architectures "
                        + "(config.json); only equal ones can be averaged");
            }

            var config = checkpoints[0].Config with { TorchDtype = "float32" };
            using var target = new AtomicDirectory(directory);
            SafetensorsWriter.Write(
                Path.Combine(target.Building, CheckpointFiles.SingleFile),
                [.. config.TensorShapes().Select(t => (t.Name, TensorDtype.F32, t.Shape))],
                (name, bytes) => Average(checkpoints, shares, name, MemoryMarshal.Cast<byte, float>(bytes)));
            config.Save(target.Building);
            TokenizerFiles.Copy(models[0], target.Building);
            target.Commit();
        }
        catch (IOException e)
        {
            throw new BtxException($"cannot write {directory}: {e.Message}", e);
        }
        finally
        {
            foreach (var checkpoint in checkpoints) checkpoint.Dispose();
        }
    }

    private static void Average(List<Checkpoint> checkpoints, double[] weights, string name, Span<float> average)
    {
        var sum = new double[average.Length];
        for (var j = 0; j < weights.Length; j++)
        {
            if (weights[j] == 0) continue;
            checkpoints[j].CopyTo(name, average);
            ParameterAverage.Accumulate(average, weights[j], sum);
        }

        ParameterAverage.Round(sum, average);
    }
}
