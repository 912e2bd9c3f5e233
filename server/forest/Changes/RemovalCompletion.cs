namespace Btx.Forest;

/// <summary>What follows the swap of a removal: purge, comparison, certificate. A start does what a server that died left.</summary>
internal sealed class RemovalCompletion(RegistryResources resources)
{
    /// <summary>Files of the removed as they lie there, by expert, and those that do not lie there any more.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>> Files(IEnumerable<RegisteredExpert> removed,
        Func<string, IReadOnlyList<FileTrace>> served) =>
        removed.ToDictionary(e => e.Name, e => ExpertPurge.Files(resources.DirectoryOf(e), served(e.Name)));

    /// <summary>Deletes the files of a committed removal and says so in the log. Again it deletes the rest.</summary>
    public void Purge(ChangeRecord change, Dictionary<string, PurgeOutcome> outcomes)
    {
        resources.At("change:purging");
        Delete(change, resources.State, resources.Directory, resources.Served, outcomes);
        resources.Log.Purged(change.Id);
        resources.At("change:purged");
    }

    /// <summary>Compares the running forest with one built from scratch, without those whose files cannot be opened any more.</summary>
    public async Task<EqualityCheck> CheckAsync(ForestState after, EqualityProbe probe, CancellationToken cancellation)
    {
        var files = new RebuildCheck(resources);
        await files.QuarantineAsync(after, cancellation);
        var left = files.LeftOut(after);
        var check = await new EqualityComparison(resources).RunAsync(after, probe, cancellation);
        check = check with { LeftOut = left };
        resources.At("change:checked");
        return check;
    }

    /// <summary>Signs the certificate and writes its file.</summary>
    public RemovalCertificate Certify(RemovalPlan plan, ForestState before, ForestState after, ChangeRecord change, CertifiedFindings found)
    {
        var purged = change.PurgedAt is not null;
        found = found with { Files = found.Files.ToDictionary(f => f.Key, f => ExpertPurge.Complete(f.Value, purged)) };
        var certificate = Write(RemovalCertificate.Of(plan, before, after, change, found),
            signed => resources.Log.Certified(change.Id, signed.Findings()));
        resources.Found.Remove(change.Id);
        resources.At("change:certified");
        return certificate;
    }

    private RemovalCertificate Write(RemovalCertificate certificate, Action<RemovalCertificate>? record = null)
    {
        var path = RemovalCertificate.FileOf(resources.Directory, certificate.ChangeId);
        certificate = resources.Log.Signer.Sign(certificate);
        record?.Invoke(certificate);
        certificate.Save(path);
        return certificate;
    }

    /// <summary>Before anything is served: deletes what removals committed but did not come to delete.</summary>
    /// <returns>The files that were found, by change and expert.</returns>
    public static Dictionary<string, Dictionary<string, IReadOnlyList<CertifiedFile>>> RedoPurges(IForestLog log, string directory,
        ServedForestManifest served, Action<string>? report)
    {
        var found = new Dictionary<string, Dictionary<string, IReadOnlyList<CertifiedFile>>>();
        foreach (var change in log.OpenPurges)
        {
            try
            {
                var places = change.Purge.GroupBy(t => t.Expert).ToDictionary(g => g.Key, g => g.First().Directory(directory, served));
                var files = places.ToDictionary(p => p.Key, p => ExpertPurge.Files(p.Value));
                var outcomes = new Dictionary<string, PurgeOutcome>();
                Delete(change, log.State, directory, served, outcomes);
                found[change.Id] = files.ToDictionary(f => f.Key, f => outcomes[f.Key].Certify(places[f.Key], f.Value, []));
                log.Purged(change.Id);
                report?.Invoke($"removal {change.Id}: its files were still there; they are deleted now");
            }
            catch (BtxException e)
            {
                report?.Invoke($"removal {change.Id}: its files could not be deleted: {e.Message}");
            }
        }

        return found;
    }

    /// <summary>Makes the certificate that the last removal lacks; brings one up to date whose files are deleted only now.</summary>
    /// <returns>Why the last one that could not be written was not; null: there was none.</returns>
    public async Task<string?> FinishAsync(
        IReadOnlyDictionary<string, Dictionary<string, IReadOnlyList<CertifiedFile>>> purged, CancellationToken cancellation)
    {
        string? why = null;
        foreach (var change in resources.Log.History.Where(c => c.IsRemoval))
        {
            try
            {
                if (await FinishAsync(change, purged.GetValueOrDefault(change.Id), cancellation) is { } done)
                    resources.Report($"removal {change.Id}: {done}");
            }
            catch (Exception e) when (e is BtxException or RequestRejectedException { Kind: not ErrorKind.Unavailable }
                or IOException or UnauthorizedAccessException)
            {
                why = BtxException.OneLine(e.Message);
                resources.Report($"removal {change.Id}: its certificate could not be written: {why}; the next change or start tries again");
            }
        }

        return why;
    }

    private async Task<string?> FinishAsync(ChangeRecord change, Dictionary<string, IReadOnlyList<CertifiedFile>>? purged,
        CancellationToken cancellation)
    {
        var path = RemovalCertificate.FileOf(resources.Directory, change.Id);
        var old = File.Exists(path) ? RemovalCertificate.Parse(BoundedFile.Read(path), path) : null;
        if (old is not null && purged is null) return null;
        var found = old?.Findings() ?? (change.Certified is [.., var last] ? last : null);
        if (found is null && change.RevisionAfter != resources.State.Revision)
            return "has no certificate, and the forest has changed since, so that none can be made; every later certificate lists the "
                + "experts there are";
        var (before, after) = resources.Log.StatesOf(change.Id);
        var plan = RemovalPlan.Of(before, change.Subjects, change.Policy ?? old?.Policy ?? LineagePolicy.Only);
        if (found is not null)
        {
            if (purged is null)
            {
                Write(RemovalCertificate.Of(plan, before, after, change, found)); // whatever the forest has become since
                return "its certificate's file was gone; it is written again, as the journal has it";
            }

            var files = found.Files.ToDictionary(f => f.Key, f => Later(f.Value, purged.GetValueOrDefault(f.Key) ?? []));
            Certify(plan, before, after, change, found with { Files = files });
            return null;
        }

        var known = resources.Found.GetValueOrDefault(change.Id); // none after a restart
        var seen = Files(plan.Removed.Select(before.Expert), _ => []).ToDictionary(f => f.Key, f => known is null
            ? purged?.GetValueOrDefault(f.Key) ?? f.Value : Later(known[f.Key], purged?.GetValueOrDefault(f.Key) ?? []));
        var check = await CheckAsync(resources.State, EqualityProbe.Of(null, resources.Engine), cancellation);
        var (moeBefore, moeAfter) = MoeHashes(before, after);
        var caches = new CertifiedCaches(0, 0, 0, 0, 0, 0, 0); // what was in memory went with the process
        Certify(plan, before, after, change, new(seen, caches, check, moeBefore, moeAfter));
        return $"its certificate was still to be written; it is written now{(check.Passed ? "" : ", and its equality check failed")}";
    }

    /// <summary>Does what a removal left undone: once the forest has changed again there is nothing to compare it with any more.</summary>
    public async Task FinishLastAsync(CancellationToken cancellation)
    {
        var last = resources.Log.History.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed);
        bool IsProved() => last is not { Kind: ChangeKind.Remove } || File.Exists(RemovalCertificate.FileOf(resources.Directory, last.Id));
        if (IsProved() && resources.Log.OpenPurges.Count == 0) return;
        var purged = RedoPurges(resources.Log, resources.Directory, resources.Served, resources.Options.Report);
        var why = await FinishAsync(purged, cancellation);
        if (IsProved()) return;
        throw new BtxException(ErrorKind.Precondition, $"removal {last!.Id} has no certificate yet, and after another change none "
            + $"could be made for it ({why}); the forest "
            + "is as it was: mend that (make room on the disk, say) and repeat the change, or restart the server");
    }

    // Of a BTX model that was re-mixed; none where the earlier one is not on disk any more.
    private (string?, string?) MoeHashes(ForestState before, ForestState after)
    {
        if (after.Moe is null || after.Moe == before.Moe || resources.MoeOf(before) is not { } earlier) return default;
        try
        {
            return (ServedMoeManifest.Load(earlier).SourceSha256, ServedMoeManifest.Load(resources.MoeOf(after)!).SourceSha256);
        }
        catch (BtxException)
        {
            return default;
        }
    }

    // Of an expert with weights in two places the first are those that it was served from: the outcome is theirs.
    private static void Delete(ChangeRecord change, ForestState state, string directory, ServedForestManifest served,
        Dictionary<string, PurgeOutcome> outcomes)
    {
        foreach (var target in change.Purge)
        {
            ExpertPurge.RequireUnshared(state, target, directory, served);
            var outcome = new PurgeOutcome();
            outcomes.TryAdd(target.Expert, outcome);
            ExpertPurge.Delete(target.Directory(directory, served), outcome);
        }
    }

    // What was seen of a file stays; a later purge speaks of what could not be deleted before, and of what was kept.
    private static IReadOnlyList<CertifiedFile> Later(IReadOnlyList<CertifiedFile> before, IReadOnlyList<CertifiedFile> seen)
    {
        static bool IsSettled(CertifiedFile f) =>
            f.Deleted || (f.Remains is { } why && !why.StartsWith(PurgeOutcome.Undeleted, StringComparison.Ordinal));
        return [.. before.Select(f => IsSettled(f) ? f : seen.FirstOrDefault(s => s.Path == f.Path) ?? f)];
    }
}
