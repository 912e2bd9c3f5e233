namespace Btx.Model.Registry;

/// <summary>Who was branched from whom, with which weights. The residual ancestry of Y in X is the sum over lineage paths from Y to X of
/// the product of the branch weights. Whoever has the weights of X is X, under whatever name; the seed model is nobody else. Immutable;
/// linear in the number of branches.</summary>
public sealed class Lineage
{
    private readonly string[] names; // first the seed model
    private readonly string?[] hashes;
    private readonly Dictionary<string, int> index;
    private readonly (int Parent, double Weight)[][] parents;
    private readonly int[] order; // parents before children
    private readonly string? unknown, cycle;

    private Lineage(List<(string Name, string? Sha256, IReadOnlyList<ParentEntry> Parents)> nodes)
    {
        nodes.Insert(0, (ForestState.Seed, null, []));
        names = [.. nodes.Select(n => n.Name)];
        hashes = [.. nodes.Select(n => n.Sha256)];
        var parent = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < names.Length; i++) parent.TryAdd(names[i], i);
        index = new(parent, StringComparer.Ordinal);
        if (nodes.FindIndex(1, n => n.Name == ForestState.Seed) is > 0 and var named) index[ForestState.Seed] = named;
        parents = new (int, double)[names.Length][];
        for (var i = 0; i < names.Length; i++)
        {
            var entries = nodes[i].Parents;
            foreach (var p in entries)
                if (!parent.ContainsKey(p.Name))
                    unknown ??= $"expert \"{names[i]}\": parent \"{p.Name}\" is unknown; name a parent that is or "
                        + $"was in the forest, or \"{ForestState.Seed}\"";
            parents[i] = [.. entries.Where(p => parent.ContainsKey(p.Name)).Select(p => (parent[p.Name], p.Weight))];
        }

        order = Order();
        if (order.Length < names.Length) cycle = $"a lineage leads back to itself ({Cycle()})";
    }

    public static Lineage Of(ForestState state)
    {
        var lineage = Read(state);
        var problem = lineage.unknown ?? lineage.cycle;
        return problem is null ? lineage : throw new BtxException($"{ForestManifest.FileName}: {problem}");
    }

    /// <summary>Of a forest that keeps no record of experts that are gone: a parent that is not there has no lineage.</summary>
    public static Lineage Of(ForestManifest forest)
    {
        var lineage = new Lineage([.. forest.Experts.Select(e => (e.Name, (string?)e.Sha256, e.Parents))]);
        return lineage.cycle is null ? lineage : throw new BtxException($"{ForestManifest.FileName}: {lineage.cycle}");
    }

    internal static string? Problem(ForestState state)
    {
        var lineage = Read(state);
        return lineage.unknown ?? lineage.cycle;
    }

    /// <summary>Residual ancestry of one expert in another, 0..1; 1 of an expert in itself.</summary>
    public double Share(string expert, string ancestor) => Run([ancestor])[Index(expert)];

    /// <summary>Residual ancestry of everything known in <paramref name="ancestors"/> together: a path counts up to the first of them that
    /// it meets. Those of 0 are left out.</summary>
    public IReadOnlyDictionary<string, double> Shares(IReadOnlyCollection<string> ancestors)
    {
        var shares = Run(ancestors);
        return names.Select((name, i) => (name, Share: shares[i])).Where(s => s.Share > 0).ToDictionary(s => s.name, s => s.Share);
    }

    /// <summary>Everything branched, directly or not, from <paramref name="ancestors"/> with a weight above 0; parents first.</summary>
    public IReadOnlyList<string> Descendants(IReadOnlyCollection<string> ancestors)
    {
        var reached = Given(ancestors);
        var found = new List<string>();
        foreach (var i in order)
        {
            if (reached[i] || !parents[i].Any(p => p.Weight > 0 && reached[p.Parent])) continue;
            reached[i] = true;
            found.Add(names[i]);
        }

        return found;
    }

    private static Lineage Read(ForestState state) =>
        new([.. state.Absent.Select(a => (a.Name, a.Sha256, a.Parents)),
        .. state.Experts.Select(e => (e.Name, (string?)e.Sha256, e.Parents))]);

    private int Index(string name) => index.TryGetValue(name, out var i) ? i
        : throw new BtxException(ErrorKind.Missing, $"no expert \"{BtxException.OneLine(name)}\" in the lineage of the forest");

    // Those that are named, and whoever has their weights under another name.
    private bool[] Given(IEnumerable<string> ancestors)
    {
        int[] named = [.. ancestors.Select(Index)];
        var weights = named.Select(i => hashes[i]).OfType<string>().ToHashSet(StringComparer.Ordinal);
        var given = hashes.Select(h => h is not null && weights.Contains(h)).ToArray();
        foreach (var i in named) given[i] = true;
        return given;
    }

    private double[] Run(IEnumerable<string> ancestors)
    {
        var shares = new double[names.Length];
        var given = Given(ancestors);
        foreach (var i in order)
        {
            if (given[i])
            {
                shares[i] = 1;
                continue;
            }

            foreach (var (parent, weight) in parents[i]) shares[i] += weight * shares[parent];
            shares[i] = Math.Min(shares[i], 1); // weights may sum to a rounding above 1
        }

        return shares;
    }

    // Kahn's algorithm; what lies on a cycle, or beyond one, is left out.
    private int[] Order()
    {
        int[] waiting = [.. parents.Select(p => p.Length)];
        var children = parents.SelectMany((p, child) => p.Select(b => (b.Parent, Child: child))).ToLookup(b => b.Parent, b => b.Child);
        var sorted = Enumerable.Range(0, names.Length).Where(i => waiting[i] == 0).ToList();
        for (var next = 0; next < sorted.Count; next++)
            sorted.AddRange(children[sorted[next]].Where(child => --waiting[child] == 0));

        return [.. sorted];
    }

    // Follows unsorted parents until a node comes again: that cycle.
    private string Cycle()
    {
        var unsorted = Enumerable.Range(0, names.Length).Except(order).ToHashSet();
        var seen = new HashSet<int>();
        var node = unsorted.Min();
        while (seen.Add(node)) node = parents[node].First(p => unsorted.Contains(p.Parent)).Parent;
        var cycle = new List<int>();
        for (var i = node; cycle.Count == 0 || i != node; i = parents[i].First(p => unsorted.Contains(p.Parent)).Parent) cycle.Add(i);
        return $"{string.Join(" ← ", cycle.Take(8).Select(i => names[i]))}{(cycle.Count > 8 ? " ← …" : "")} ← {names[node]}";
    }
}
