using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Averaging;
using Btx.Model.Tensors;

namespace Btx.Engine.Forests;

/// <summary>Averages the experts' parameters in memory and makes a model of the result; no checkpoint is written. Thread-safe.</summary>
internal sealed class AverageWeightsBuilder(IReadOnlyList<Checkpoint> experts, RunnerFactory factory)
{
    // Elements summed at a time: bounds the fp64 scratch.
    private const int Block = 1 << 16;

    /// <param name="weights">w_j by expert; not negative, sum 1.</param>
    /// <param name="name">Named in errors.</param>
    /// <exception cref="BtxException">The weights are no average, or the model cannot be made.</exception>
    public IModelRunner Build(double[] weights, string name)
    {
        try
        {
            var w = ParameterAverage.Normalise(weights);
            return factory.Create(WeightSet.Create(factory.Config, factory.Dtype, (tensor, destination, count) => Fill(w, tensor, destination, count)));
        }
        catch (OutOfMemoryException e)
        {
            throw new BtxException($"{name}: not enough memory for one more model", e);
        }
    }

    private unsafe void Fill(double[] weights, string tensor, nint destination, long count)
    {
        var parameters = new float[Math.Min(Block, count)];
        var sum = new double[parameters.Length];
        for (long at = 0; at < count; at += Block)
        {
            var n = (int)Math.Min(Block, count - at);
            sum.AsSpan(0, n).Clear();
            for (var j = 0; j < weights.Length; j++)
            {
                var dtype = experts[j].Info(tensor).Dtype;
                TensorDtypes.ToSingle(dtype, experts[j].Pointer(tensor) + (at * dtype.Size()), parameters.AsSpan(0, n));
                ParameterAverage.Accumulate(parameters.AsSpan(0, n), weights[j], sum.AsSpan(0, n));
            }

            ParameterAverage.Round(sum.AsSpan(0, n), parameters);
            TensorDtypes.FromSingle(parameters.AsSpan(0, n), factory.Dtype, (byte*)destination + (at * factory.Dtype.Size()));
        }
    }
}
