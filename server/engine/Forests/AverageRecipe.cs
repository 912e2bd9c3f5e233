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
