using Btx.Engine.Sessions;
using Btx.Model;
using Btx.Model.Averaging;
using Btx.Model.Tensors;

namespace Btx.Engine.Forests;

/// <summary>Averages the experts' parameters in memory and makes a model of the result; no checkpoint is written. Thread-safe.</summary>
internal sealed class AverageWeightsBuilder(RunnerFactory factory)
{
    // Elements summed at a time: bounds the fp64 scratch.
    private const int Block = 1 << 16;

    /// <param name="recipe">Models with their checkpoints, held by the caller.</param>
    /// <param name="name">Named in errors.</param>
    /// <exception cref="BtxException">The weights are no average, or the model cannot be made.</exception>
    /// <exception cref="OperationCanceledException">Nobody wants it any more.</exception>
    public IModelRunner Build(AverageRecipe recipe, string name, CancellationToken cancellation)
    {
        try
        {
            var weights = ParameterAverage.Normalise([.. recipe.Terms.Select(t => t.Weight)]);
            Checkpoint[] experts = [.. recipe.Terms.Select(t => t.Model.Checkpoint!)];
            // once: what is larger than 85 kB and lives briefly calls for full collections
            var (parameters, sum) = (new float[Block], new double[Block]);
            return factory.Create(WeightSet.Create(factory.Config, factory.Dtype,
                (tensor, destination, count) => Fill(experts, weights, tensor, destination, count, parameters, sum, cancellation)));
        }
        catch (OutOfMemoryException e)
        {
            throw new BtxException($"{name}: not enough memory for one more model", e) { Kind = ErrorKind.Exhausted };
        }
    }

    private unsafe void Fill(Checkpoint[] experts, double[] weights, string tensor, nint destination, long count, float[] parameters,
        double[] sum, CancellationToken cancellation)
    {
        for (long at = 0; at < count; at += Block)
        {
            cancellation.ThrowIfCancellationRequested();
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
