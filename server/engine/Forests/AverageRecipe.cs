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

/// <summary>Averages the experts' parameters, as the checkpoints have them, in memory and makes a model of the result; no checkpoint is
/// written. Thread-safe.</summary>
internal sealed class AverageWeightsBuilder(ModelOpener opener)
{
    public IModelRunner Build(AverageRecipe recipe, string name, CancellationToken cancellation)
    {
        try
        {
            var weights = ParameterAverage.Normalise([.. recipe.Terms.Select(t => t.Weight)]);
            var (parameters, sum) = (Array.Empty<float>(), Array.Empty<double>()); // of the largest part that is asked for
            return opener.Create(opener.Write(tensor =>
            {
                TensorReader[] experts = [.. recipe.Terms.Select(t => t.Model.Checkpoint!.Reader(tensor))];
                return (first, values) =>
                {
                    cancellation.ThrowIfCancellationRequested();
                    var n = values.Length;
                    if (n > sum.Length) (parameters, sum) = (new float[n], new double[n]);
                    sum.AsSpan(0, n).Clear();
                    for (var j = 0; j < experts.Length; j++)
                    {
                        experts[j](first, parameters.AsSpan(0, n));
                        ParameterAverage.Accumulate(parameters.AsSpan(0, n), weights[j], sum.AsSpan(0, n));
                    }

                    ParameterAverage.Round(sum.AsSpan(0, n), values);
                };
            }));
        }
        catch (OutOfMemoryException e)
        {
            throw new BtxException(ErrorKind.Exhausted, $"{name}: not enough memory for one more model", e);
        }
    }
}
