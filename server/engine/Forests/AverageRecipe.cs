using Btx.Model.Averaging;

namespace Btx.Engine.Forests;

/// <summary>What an average is made of. Two snapshots whose recipes are equal share the averaged model.</summary>
/// <param name="Terms">Models with a weight above 0, in the forest's order; weights sum to 1.</param>
internal sealed record AverageRecipe(IReadOnlyList<(ServedModel Model, double Weight)> Terms)
{
    public bool Equals(AverageRecipe? other) => other is not null && Terms.SequenceEqual(other.Terms);

    public override int GetHashCode()
    {
        var hash = default(HashCode);
        foreach (var term in Terms) hash.Add(term);
        return hash.ToHashCode();
    }

    public bool Contains(ServedModel model) => Terms.Any(t => ReferenceEquals(t.Model, model));
}

/// <summary>Names an averaged model: uniform, the cached prior of a domain, or weights that were given a name.</summary>
/// <param name="Domain">Of a cached prior.</param>
/// <param name="Named">Of chosen weights. Both null: uniform.</param>
internal sealed record AverageKey(string? Domain, string? Named = null)
{
    /// <summary>The average that a routing asks for; by argmax it is one expert, so there is none.</summary>
    public static AverageKey? Of(Routing routing) => routing switch
    {
        { Mode: not RoutingMode.Average } => null,
        { AverageName: { } name } => new AverageKey(null, name),
        { Average: AverageWeights.Argmax } => null,
        { Average: AverageWeights.Uniform } => new AverageKey((string?)null),
        _ => new AverageKey(routing.AverageDomain),
    };

    public override string ToString() => Named is not null ? $"average:named:{Named}"
        : Domain is null ? "average:uniform" : $"average:posterior:{Domain}";
}

/// <summary>Averages the experts' parameters in memory and makes a model of the result; no checkpoint is written. Thread-safe.</summary>
internal sealed class AverageWeightsBuilder(ModelOpener opener)
{
    // Elements summed at a time: bounds the fp64 scratch.
    private const int Block = 1 << 16;

    public IModelRunner Build(AverageRecipe recipe, string name, CancellationToken cancellation)
    {
        try
        {
            var weights = ParameterAverage.Normalise([.. recipe.Terms.Select(t => t.Weight)]);
            Checkpoint[] experts = [.. recipe.Terms.Select(t => t.Model.Checkpoint!)];
            // once: what is larger than 85 kB and lives briefly calls for full collections
            var (parameters, sum) = (new float[Block], new double[Block]);
            return opener.Create(WeightSet.Create(opener.Config, opener.Dtype,
                (tensor, destination, count) => Fill(experts, weights, tensor, destination, count, parameters, sum, cancellation)));
        }
        catch (OutOfMemoryException e)
        {
            throw new BtxException(ErrorKind.Exhausted, $"{name}: not enough memory for one more model", e);
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
            TensorDtypes.FromSingle(parameters.AsSpan(0, n), opener.Dtype, (byte*)destination + (at * opener.Dtype.Size()));
        }
    }
}
