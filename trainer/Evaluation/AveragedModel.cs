using System.Runtime.InteropServices;
using Btx.Model.Averaging;
using Btx.Model.Tensors;
using Btx.Trainer.Networks;
using TorchSharp;
using static TorchSharp.torch;

namespace Btx.Trainer.Evaluation;

/// <summary>A model whose parameters are a weighted average of several checkpoints', made in memory.</summary>
public static class AveragedModel
{
    /// <param name="weights">Not negative, summing to 1, one for each directory.</param>
    /// <param name="config">Of that architecture; null: the first one's.</param>
    public static LlamaModel Build(IReadOnlyList<string> models, IReadOnlyList<double> weights, Device device, LlamaConfig? config = null)
    {
        var shares = ParameterAverage.Normalise(weights);
        var checkpoints = new List<Checkpoint>();
        LlamaModel? model = null;
        try
        {
            foreach (var directory in models)
            {
                checkpoints.Add(Checkpoint.Open(directory));
                if (checkpoints[^1].Config.RequireDense(directory).Fingerprint() != checkpoints[0].Config.Fingerprint())
                    throw new BtxException($"{directory} and {models[0]} have different architectures (config.json); only equal ones "
                        + "can be averaged");
            }

            model = new LlamaModel(config ?? checkpoints[0].Config, device) { Source = $"the average of {string.Join(", ", models)}" };
            foreach (var (name, parameter) in model.NamedParameters) Fill(checkpoints, shares, name, parameter);
            return model;
        }
        catch
        {
            model?.Dispose();
            throw;
        }
        finally
        {
            checkpoints.ForEach(c => c.Dispose());
        }
    }

    private static void Fill(List<Checkpoint> checkpoints, double[] shares, string name, Tensor parameter)
    {
        using var mode = no_grad();
        using var scope = NewDisposeScope();
        var average = empty(parameter.shape, float32);
        var values = MemoryMarshal.Cast<byte, float>(average.bytes);
        var sum = new double[values.Length];
        for (var j = 0; j < shares.Length; j++)
        {
            if (shares[j] == 0) continue;
            checkpoints[j].CopyTo(name, values);
            ParameterAverage.Accumulate(values, shares[j], sum);
        }

        ParameterAverage.Round(sum, values);
        parameter.copy_(average);
    }
}
