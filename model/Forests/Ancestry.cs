namespace Btx.Model.Forests;

/// <summary>How much of one expert is in another through branching.</summary>
public static class Ancestry
{
    /// <summary>
    /// Residual ancestry of <paramref name="expert"/> in <paramref name="ancestor"/>: the sum over lineage paths of the product of the
    /// branch weights, in 0..1. 1 for an expert in itself.
    /// </summary>
    public static double Share(ForestManifest forest, string expert, string ancestor)
    {
        var known = new Dictionary<string, double>(StringComparer.Ordinal) { [ancestor] = 1 };
        return Of(expert);

        double Of(string name)
        {
            if (known.TryGetValue(name, out var share)) return share;
            known[name] = 0; // a parent that is not in the forest has no lineage; one that leads back to itself adds nothing
            foreach (var parent in forest.Experts.FirstOrDefault(e => e.Name == name)?.Parents ?? []) share += parent.Weight * Of(parent.Name);
            return known[name] = share;
        }
    }
}
