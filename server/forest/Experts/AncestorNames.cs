namespace Btx.Forest;

/// <summary>What the ancestors that another forest names are called here: who has the same weights is the same.</summary>
/// <param name="known">Who is known here: name, hash of the weights, and of those that they were converted from; experts first.</param>
internal sealed class AncestorNames(
    ForestManifest forest, string path, IReadOnlyList<(string Name, string? Sha256, string? Original)> known)
{
    private readonly Dictionary<(string, string?), string> named = [];
    private readonly List<(AbsentExpert Expert, IReadOnlyList<ParentEntry> Parents)> found = [];

    /// <returns>The parents by their names here, and the ancestors that are not known here.</returns>
    public (IReadOnlyList<ParentEntry> Parents, IReadOnlyList<AbsentExpert> Unknown) Of(IReadOnlyList<ParentEntry> parents)
    {
        var here = Here(parents);
        var unknown = new List<AbsentExpert>();
        for (var i = 0; i < found.Count; i++) unknown.Add(found[i].Expert with { Parents = Here(found[i].Parents) }); // finds more
        return (here, unknown);
    }

    /// <summary>What an expert that the other forest lists is called here; null: nobody here has its weights.</summary>
    public string? Known(string name) =>
        forest.Experts.FirstOrDefault(e => e.Name == name) is { } entry ? WithWeights(entry.Sha256, name) : null;

    private ParentEntry[] Here(IReadOnlyList<ParentEntry> parents) => [.. parents.Select(p => new ParentEntry(Name(p), p.Weight))];

    private string? WithWeights(string sha256, string name) =>
        known.Where(k => k.Sha256 == sha256 || k.Original == sha256).OrderBy(k => k.Name != name).Select(k => k.Name).FirstOrDefault();

    private string Name(ParentEntry parent)
    {
        var name = parent.Name;
        var entry = forest.Experts.FirstOrDefault(e => e.Name == name && (parent.Sha256 is null || e.Sha256 == parent.Sha256));
        if (name == ForestState.Seed && entry is null) return name;
        var sha256 = parent.Sha256 ?? entry?.Sha256;
        if (named.TryGetValue((name, sha256), out var here)) return here;
        here = sha256 is null ? null : WithWeights(sha256, name);
        if (here is null && Taken(name, sha256) is { } why)
            throw new BtxException(ErrorKind.Precondition, $"{Path.Combine(path, ForestManifest.FileName)}: {why}, so the lineage would be "
                + "wrong; name the parents");
        if (here is null && known.All(k => k.Name != name))
        {
            found.Add((entry is null ? new() { Name = name, Sha256 = sha256 } : AbsentExpert.Of(entry), entry?.Parents ?? []));
        }

        return named[(name, sha256)] = here ?? name;
    }

    // Two of whom nothing but the name is known are taken for one: neither is or was ever served.
    private string? Taken(string name, string? sha256)
    {
        if (name == ForestState.Seed) return $"its \"{name}\" is an expert, and \"{name}\" here is the seed model";
        if (found.Any(a => a.Expert.Name == name)) return $"it has two \"{name}\" of different weights";
        if (known.All(k => k.Name != name) || (sha256 is null && known.All(k => k.Name != name || k.Sha256 is null))) return null;
        return sha256 is null
            ? $"it does not say which weights its \"{name}\" has, and there is a \"{name}\" here"
            : $"its \"{name}\" has other weights than \"{name}\" here";
    }
}
