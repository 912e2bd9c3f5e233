namespace Btx.Model.Registry;

/// <summary>What a removal would do, before anything is done: a value to show, and to apply with <see cref="ForestState.Apply"/>.</summary>
/// <param name="Removed">What goes, ancestors first where the policy adds descendants.</param>
/// <param name="Residuals">Of every survivor, in the order of the forest; those of share 0 among them.</param>
/// <param name="ReweightedAverages">Named averages that go on over the other experts.</param>
/// <param name="ReweightedPriors">Survivors whose cached prior is restricted to the others, or dropped where nothing is left of it.</param>
public sealed record RemovalPlan(long Revision, string Policy, IReadOnlyList<string> Requested, IReadOnlyList<string> Removed,
    IReadOnlyList<string> Quarantined, IReadOnlyList<SurvivorResidual> Residuals, IReadOnlyList<string> DroppedAverages,
    IReadOnlyList<string> ReweightedAverages, IReadOnlyList<string> ReweightedPriors)
{
    /// <param name="adding">Experts that are being added at this moment.</param>
    /// <exception cref="BtxException">The policy is unknown; a name is unknown, named twice or removed before; no expert would be left; a
    /// survivor has the weights of what goes; or a descendant is being added.</exception>
    public static RemovalPlan Of(ForestState state, IReadOnlyCollection<string> names, string policy,
        IReadOnlyCollection<RegisteredExpert>? adding = null)
    {
        if (!LineagePolicy.Names.Contains(policy))
            throw new BtxException(ErrorKind.Precondition, $"lineage policy \"{BtxException.OneLine(policy)}\" is unknown; use "
                + $"{string.Join(", ", LineagePolicy.Names)}");
        string[] requested = [.. names.Select(n => state.Expert(n).Name)];
        if (requested.Distinct().Count() != requested.Length)
            throw new BtxException(ErrorKind.Precondition, $"expert \"{requested.GroupBy(n => n).First(g => g.Count() > 1).Key}\" is named "
                + "twice; name each once");
        var lineage = Lineage.Of(state);
        var descendants = lineage.Descendants(requested);
        foreach (var child in adding ?? [])
            if (policy == LineagePolicy.Cascade && child.Parents.FirstOrDefault(p =>
                p.Weight > 0 && (requested.Contains(p.Name) || descendants.Contains(p.Name))) is { } parent)
                throw new BtxException(ErrorKind.Precondition, $"expert \"{child.Name}\", a descendant of \"{parent.Name}\", is being "
                    + "added; wait until it is in and remove both, or use --lineage only");
        var listed = state.Experts.ToDictionary(e => e.Name);
        string[] affected = [.. descendants.Where(listed.ContainsKey)];
        string[] removed = policy == LineagePolicy.Cascade ? [.. requested, .. affected] : requested;
        string[] quarantined = policy != LineagePolicy.Quarantine ? [] : [.. affected.Where(n => listed[n].Status == ExpertStatus.Ready)];
        if (state.Experts.FirstOrDefault(e => !removed.Contains(e.Name) && removed.Any(n => listed[n].Sha256 == e.Sha256)) is { } twin)
            throw new BtxException(ErrorKind.Precondition, $"expert \"{twin.Name}\" has the same weights as "
                + $"\"{removed.First(n => listed[n].Sha256 == twin.Sha256)}\", which would be served on; remove both, name "
                + $"\"{twin.Name}\" too");
        var after = state.Change(removed, quarantined);
        var total = lineage.Shares(requested);
        var each = requested.Select(n => (Name: n, Shares: lineage.Shares([n]))).ToList();
        var averages = after.Averages.ToDictionary(a => a.Name);
        return new(state.Revision, policy, requested, removed, quarantined,
            Residuals: [.. after.Experts.Select(e => new SurvivorResidual(e.Name, e.Status, total.GetValueOrDefault(e.Name),
                each.Where(a => a.Shares.ContainsKey(e.Name)).ToDictionary(a => a.Name, a => a.Shares[e.Name])))],
            DroppedAverages: [.. state.Averages.Select(a => a.Name).Where(n => !averages.ContainsKey(n))],
            ReweightedAverages: [.. state.Averages.Where(a => averages.TryGetValue(a.Name, out var now) && !Same(state, a, after, now))
                .Select(a => a.Name)],
            ReweightedPriors: [.. after.Experts.Where(e => !ReferenceEquals(e.Prior, listed[e.Name].Prior)).Select(e => e.Name)]);
    }

    private static bool Same(ForestState before, NamedAverage a, ForestState after, NamedAverage b)
    {
        string[] names = [.. before.Ready.Select(e => e.Name)];
        string[] left = [.. after.Ready.Select(e => e.Name)];
        return (before.Weights(a, names)
            ?? []).SequenceEqual(names.Select(n => Array.IndexOf(left, n) is >= 0 and var i ? after.Weights(b, left)![i] : 0));
    }
}

public static class LineagePolicy
{
    public const string Only = "only"; // remove what is named; the residual ancestry of the others is reported
    public const string Cascade = "cascade"; // remove every descendant too
    public const string Quarantine = "quarantine"; // descendants stay listed, but get no traffic

    public static IReadOnlyList<string> Names { get; } = [Only, Cascade, Quarantine];
}
