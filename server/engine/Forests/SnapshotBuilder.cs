namespace Btx.Engine.Forests;

/// <summary>Makes the next snapshot from the present one: opens what is new, shares the rest, and recomputes priors and averages.</summary>
internal static class SnapshotBuilder
{
    /// <summary>Slow where something is added; any thread, beside the running engine. A change that throws leaves nothing behind.</summary>
    public static ForestSnapshot Next(ForestSnapshot present, ForestChange change, CancellationToken cancellation = default)
    {
        Check(present, change);
        var opened = new List<ServedModel>();
        var lease = present.TryLease()
            ?? throw new BtxException(ErrorKind.Conflict, "the forest has changed since; begin the change again");
        try
        {
            List<SnapshotExpert> experts = [.. present.Experts.Where(e =>
                !change.Remove.Contains(e.Name) && !change.Quarantine.Contains(e.Name) && !change.Damage.Experts.ContainsKey(e.Name))];
            foreach (var source in change.Add)
            {
                cancellation.ThrowIfCancellationRequested();
                var model = change.Opened.TryGetValue(source.Name, out var ready) ? ready.Hold()
                    : present.Resources.Opener!.OpenExpert(source, cancellation);
                opened.Add(model);
                experts.Add(new SnapshotExpert(source.Name, source.Domain, model));
            }

            var moe = change.DropMoe || change.Damage.Moe is not null ? null : present.Moe;
            if (change.Moe is { } directory)
            {
                cancellation.ThrowIfCancellationRequested();
                moe = present.Resources.Opener!.OpenMoe(directory);
                opened.Add(moe.Model);
            }

            List<RecordedPrior> priors = [.. present.RecordedPriors.Where(p => !change.Remove.Contains(p.Expert))];
            foreach (var source in change.Add)
                if (source.Prior is { } prior) priors.Add(new RecordedPrior(source.Domain, source.Name, prior));
            var quarantined = change.Quarantined
                ?? [.. present.Description.Quarantined.Union(change.Quarantine).Except(change.Add.Select(e => e.Name))];
            return new ForestSnapshot(present.Resources, experts, change.Priors ?? priors, change.Averages ?? present.NamedAverages, moe,
                quarantined, present, Damage(present.Description.Damage, change));
        }
        finally
        {
            lease.Return();
            foreach (var model in opened) model.Release(); // the snapshot holds them now, or nobody does
        }
    }

    // What leaves the forest, or is served again, is damaged no more.
    private static ForestDamage Damage(ForestDamage before, ForestChange change)
    {
        string[] settled = [.. change.Remove, .. change.Quarantine, .. change.Add.Select(e => e.Name)];
        return new(
            before.Experts.Concat(change.Damage.Experts).Where(d => !settled.Contains(d.Key)).ToDictionary(StringComparer.Ordinal),
            change.Damage.Moe ?? (change.DropMoe || change.Moe is not null ? null : before.Moe));
    }

    private static void Check(ForestSnapshot present, ForestChange change)
    {
        var names = present.Description.Experts;
        var damaged = present.Description.Damage.Experts;
        List<string> leaving = [.. change.Remove, .. change.Quarantine];
        foreach (var name in leaving)
            if (!names.Contains(name) && !damaged.ContainsKey(name))
                throw new BtxException($"no expert \"{BtxException.OneLine(name)}\" in the forest; it has {string.Join(", ", names)}");
        if (leaving.Distinct().Count() != leaving.Count) throw new BtxException("an expert is named twice among those that leave");
        var added = change.Add.Select(e => e.Name).ToList();
        foreach (var name in added)
            if ((names.Contains(name) && !leaving.Contains(name)) || added.Count(a => a == name) > 1)
                throw new BtxException($"an expert \"{BtxException.OneLine(name)}\" is in the forest already; choose another name");
        if (names.Count > 0 && names.All(leaving.Contains) && added.Count == 0)
            throw new BtxException($"{string.Join(", ", leaving)}: the last expert cannot be removed; add another first");
        if (change is { DropMoe: true, Moe: not null })
            throw new BtxException("a BTX model is both dropped and named; do one of the two");
        if ((added.Count > 0 || change.Moe is not null) && present.Resources.Opener is null)
            throw new BtxException("only a BTX model is served, no forest; nothing can be added to it");
        foreach (var (name, weights) in change.Averages ?? new Dictionary<string, IReadOnlyDictionary<string, double>>())
        {
            var unknown = weights.Keys.FirstOrDefault(e =>
                ((!names.Contains(e) && !damaged.ContainsKey(e)) || leaving.Contains(e)) && !added.Contains(e));
            if (unknown is not null)
                throw new BtxException($"average \"{BtxException.OneLine(name)}\": no expert "
                    + $"\"{BtxException.OneLine(unknown)}\" in the forest");
            if (weights.Values.Any(w => !double.IsFinite(w) || w < 0) || !(weights.Values.Sum() > 0))
                throw new BtxException($"average \"{BtxException.OneLine(name)}\": weights must be finite, not negative, and one above 0");
        }
    }
}
