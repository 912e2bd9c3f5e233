namespace Btx.Forest;

/// <summary>Takes experts out of the forest, and with them whatever was computed from them; then proves it.</summary>
internal sealed class RemovalChange(RegistryResources resources)
{
    public async Task<ChangeResult> RunAsync(ExpertRemoval removal, ChangeSession session)
    {
        session.Enter(ChangePhase.Validate, $"removal of {BtxException.OneLine(string.Join(", ", removal.Experts))}");
        var before = resources.State;
        if (removal.ExpectedRevision is { } seen && seen != before.Revision)
            throw new BtxException(ErrorKind.Conflict, $"the forest is at revision {before.Revision}, not {seen} as when it was "
                + "looked at; look again and repeat the removal");
        var plan = RemovalPlan.Of(before, removal.Experts, removal.Lineage);
        var probe = EqualityProbe.Of(removal.Probe, resources.Engine);
        var after = before.Apply(plan);
        var moe = resources.Engine.Describe().Moe;
        var held = Held(plan, before);
        if (held.Length > 0) after = Without(after, held, removal, session);
        else if (removal.DropMoe)
            session.Note(moe is null ? "no BTX model is served"
                : $"the BTX model stays: it does not hold {string.Join(", ", plan.Removed)}");
        var purge = removal.Purge ? Targets(plan, before, after, session.Note) : [];
        await new RebuildCheck(resources).RequireAsync(after, session.Cancellation);
        using var served = new HeldWeights(resources.Damaged);
        served.Hold(resources.Engine.Current, plan.Removed);
        var files = new RemovalCompletion(resources).Files(plan.Removed.Select(before.Expert), e => served[e]);
        var damage = resources.Engine.Describe().Damage.Experts;
        session.Begin(after, plan.Requested, purge, plan.Policy);

        if (after.Moe != before.Moe && after.Moe is not null)
            await session.MixAsync(after, resources.MoeOf(before)!, null);
        session.Enter(ChangePhase.Build, "making the next forest");
        var next = await session.BuildAsync(after);
        var swap = await session.CommitAsync(next, null, removal.InFlight);
        (string, string)? hashes = held.Length > 0 && resources.Engine.Describe().Moe is { } remixed ? (moe!.Sha256, remixed.Sha256) : null;
        return session.Finish(swap,
            await CompleteAsync(plan, before, after, probe, files, served, damage, swap, hashes, session));
    }

    private async Task<RemovalCertificate?> CompleteAsync(RemovalPlan plan, ForestState before, ForestState after, EqualityProbe probe,
        IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>> files, HeldWeights served, IReadOnlyDictionary<string, string> damage,
        SwapReport swap, (string Before, string After)? moe, ChangeSession session)
    {
        var completion = new RemovalCompletion(resources);
        if (session.Record!.Purge.Count > 0)
        {
            session.Enter(ChangePhase.Purge, $"deleting the files of {string.Join(", ", plan.Removed)}");
            var outcomes = new Dictionary<string, PurgeOutcome>();
            session.Try(() => completion.Purge(session.Record, outcomes),
                "the purge is done again before the next change or at the next start");
            files = files.ToDictionary(f => f.Key, f => (outcomes.GetValueOrDefault(f.Key)
                ?? new()).Certify(resources.DirectoryOf(before.Expert(f.Key)), f.Value, served[f.Key], damage.GetValueOrDefault(f.Key)));
        }

        resources.Found[session.Record.Id] = files;
        served.Dispose();
        resources.Damaged.Drop(plan.Removed);
        session.Enter(ChangePhase.Check, $"comparing with a forest built from scratch on {probe.Tokens} tokens");
        EqualityCheck? check = null;
        try
        {
            check = await completion.CheckAsync(after, probe, session.Closing);
        }
        catch (Exception e)
        {
            var why = e is OperationCanceledException or RequestRejectedException { Kind: ErrorKind.Unavailable }
                ? new BtxException(ErrorKind.Unavailable, "the server is shutting down", e) : e;
            session.Try(() => throw why, "the equality check and the certificate are made before the next change or at the next start");
            return null;
        }

        foreach (var (name, why) in check.LeftOut ?? new Dictionary<string, string>())
            session.Note($"not compared: {name} is quarantined, {why}");
        // a server without prefix cache and clusters
        var caches = new CertifiedCaches(swap.Sessions, swap.Averages, swap.KvSlots, swap.KvBytes, PrefixEntries: 0, Centroids: 0,
            swap.BytesReturned);
        session.Enter(ChangePhase.Certify, "signing the certificate");
        RemovalCertificate? certificate = null;
        var found = new CertifiedFindings(files, caches, check, moe?.Before, moe?.After);
        session.Try(() => certificate = completion.Certify(plan, before, after, session.Record, found),
            "the certificate is made before the next change or at the next start");
        if (!check.Passed)
            session.Try(() =>
                throw new BtxException($"the forest differs from one built without {string.Join(", ", plan.Removed)} by "
                    + $"{check.LargestDifference} nats, tolerance {check.Tolerance}; the certificate says so"), "");
        return certificate;
    }

    private string? MemberOf(RegisteredExpert expert) =>
        CommittedState.MemberOf(resources.MoeOf(resources.State)!, expert.Name, expert.Sha256);

    private ForestState Without(ForestState after, string[] held, ExpertRemoval removal, ChangeSession session)
    {
        var present = resources.MoeOf(resources.State)!;
        var made = present.StartsWith(resources.Directory + "/", StringComparison.Ordinal); // by a change before; deleted after the swap
        if (removal.DropMoe)
        {
            session.Note($"the BTX model {present} is served no more; its files "
                    + $"{(made ? "are deleted" : $"stay and still hold {string.Join(", ", held)}")}");
            return after with { Moe = null, MoeDropped = true };
        }

        if (MoeObstacle(after, held) is { } obstacle) throw new BtxException(ErrorKind.Precondition, obstacle);
        foreach (var note in resources.Options.Remix!.Notes(present)) session.Note(note);
        if (!made) session.Note($"the BTX model {present} is served no more; its files stay and still hold {string.Join(", ", held)}");
        return after with { Moe = MoeFolders.Of(resources.Log.NextId), MoeDropped = false };
    }

    /// <summary>What becomes of a served BTX model that holds what a plan takes out; null: there is none.</summary>
    /// <param name="drop">It is to be served no more.</param>
    public MoeFate? Moe(RemovalPlan plan, ForestState before, bool drop)
    {
        var held = Held(plan, before);
        if (held.Length == 0) return null;
        var holds = $"it holds {string.Join(", ", held)}";
        return drop ? new($"served no more, for {holds}", null)
            : new($"mixed again without {string.Join(", ", held)}", MoeObstacle(before.Apply(plan), held));
    }

    /// <summary>Experts of the served BTX model that a plan takes out of the traffic.</summary>
    private string[] Held(RemovalPlan plan, ForestState before) => resources.Engine.Describe().Moe is null ? []
        : [.. plan.Removed.Concat(plan.Quarantined).Where(n => MemberOf(before.Expert(n)) is not null)];

    /// <summary>Why the BTX model cannot be mixed again without these; null: nothing is known against it.</summary>
    private string? MoeObstacle(ForestState after, string[] held)
    {
        var present = resources.MoeOf(resources.State)!;
        foreach (var expert in held.Select(resources.State.Expert))
            if (MemberOf(expert) is { } other && other != expert.Name)
                return $"the BTX model {present} holds {expert.Name} under the name {other}, and is re-mixed by names; remove with "
                    + "--drop-btx to stop serving it";
        return resources.MixObstacle(after, present, null) is { } obstacle
            ? $"the BTX model {present} holds {string.Join(", ", held)}: {obstacle}; remove with --drop-btx to stop serving it" : null;
    }

    /// <summary>Why a purge would be refused, as far as that can be told without trying to write; null: it would not.</summary>
    public string? PurgeObstacle(RemovalPlan plan, ForestState before) =>
        Blame.Problem(() => Targets(plan, before, before.Apply(plan), null));

    // Without notes nothing is written or hashed.
    private List<PurgeTarget> Targets(RemovalPlan plan, ForestState before, ForestState after, Action<string>? note)
    {
        var targets = new List<PurgeTarget>();
        foreach (var expert in plan.Removed.Select(before.Expert))
        {
            targets.Add(PurgeTarget.Of(expert));
            if (expert.Root != ExpertRoot.Served) continue;
            // Converted weights have an original in the source.
            var source = Blame.Served(() => ForestManifest.Load(resources.Source, trees: false).Expert(expert.Name));
            targets.Add(new PurgeTarget(expert.Name, ExpertRoot.Source, source.Path, source.Sha256));
            note?.Invoke($"the weights that {expert.Name} was converted from are deleted too: {source.Path} in {resources.Source}");
        }

        var forest = resources.Source;
        foreach (var target in targets)
        {
            ExpertPurge.RequireUnshared(after, target, resources.Directory, resources.Served);
            OtherExports.RequireNone(target.Expert, target.Directory(resources.Directory, resources.Served), resources.Directory, forest);
            if (note is null) continue;
            ExpertPurge.RequireDeletable(target.Directory(resources.Directory, resources.Served));
            if (target.Root != ExpertRoot.Source) continue;
            foreach (var copy in OtherExports.Copies(target.Expert, resources.Directory, forest))
                note($"another served forest holds weights of {target.Expert} in {copy}; a purge does not delete them");
            foreach (var copy in ExpertPurge.TrainingCopies(resources.Source, target.Expert, target.Sha256))
                note($"training left a copy of the weights of {target.Expert} in {copy}; a purge does not delete it");
        }

        return targets;
    }
}
