namespace Btx.Engine.Forests;

/// <summary>Makes the next snapshot from the present one: opens what is new, shares the rest, and recomputes priors and averages.</summary>
internal static class SnapshotBuilder
{
    /// <summary>Slow where something is added; any thread, beside the running engine. A change that throws leaves nothing behind. That
    /// its names and weights are valid is the caller's to see to, as <see cref="ForestStateRules"/> does.</summary>
    public static ForestSnapshot Next(ForestSnapshot present, ForestChange change, CancellationToken cancellation = default)
    {
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
}
