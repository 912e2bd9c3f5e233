namespace Btx.Model.Registry;

/// <summary>What must hold inside a <see cref="RemovalCertificate"/>, signature apart; reports every problem.</summary>
public static class CertificateRules
{
    // 2e-3 of a log-probability of -1000 nats.
    private const double LargestTolerance = 2;

    public static IEnumerable<string> Problems(RemovalCertificate c)
    {
        if (c.Schema is < 1 or > RemovalCertificate.CurrentSchema)
            yield return $"schema is {c.Schema}; this version reads 1 to {RemovalCertificate.CurrentSchema}";
        var anchored = c.JournalRecords > 1 && ForestManifestRules.IsHash(c.JournalSha256);
        if (c.Schema >= 2 ? !anchored : c.JournalRecords is not null || c.JournalSha256 is not null)
            yield return "journal_records or journal_sha256 is not that of a line of a journal";
        if (c.Statement != RemovalCertificate.StructuralStatement) yield return "the statement is not the one that certificates make";
        if (c.ChangeId.Length != 7 || c.ChangeId[0] != 'c' || !c.ChangeId[1..].All(char.IsAsciiDigit))
            yield return "change_id is not of the form c000001";
        if (!ForestStateRules.IsText(c.Author, 200) || !ForestStateRules.IsText(c.Reason, 2000)) yield return "author or reason is missing";
        if (c.RevisionBefore < 0 || c.RevisionAfter != c.RevisionBefore + 1)
            yield return $"revisions are {c.RevisionBefore} and {c.RevisionAfter}; expected one after the other";
        string?[] hashes = [c.StateBeforeSha256, c.StateAfterSha256, c.Equality.ProbeSha256, .. c.Removed.Select(e => e?.Sha256)];
        if (!hashes.All(ForestManifestRules.IsHash) || c.StateBeforeSha256 == c.StateAfterSha256)
            yield return "a hash is not a SHA-256, or the states are the same";
        if (c.MoeBeforeSha256 is null != c.MoeAfterSha256 is null || (c.MoeBeforeSha256 is not null
            && (!ForestManifestRules.IsHash(c.MoeBeforeSha256) || !ForestManifestRules.IsHash(c.MoeAfterSha256))))
            yield return "only one mixture hash is there, or it is not a SHA-256";
        if (c.Removed.Any(e => e is null || e.Files.Any(f => f is null) || e.Parents.Any(p => p is null))
            || c.Residuals.Any(r => r is null))
        {
            yield return "removed or residuals holds null";
            yield break;
        }

        foreach (var problem in LineageProblems(c)) yield return problem;
        if (c.Removed.SelectMany(e => e.Files).Any(f =>
            f.Bytes < 0 || !ForestStateRules.IsText(f.Path, 4096) || Path.IsPathRooted(f.Path) || f.Path.Split('/').Contains("..")))
            yield return "a file has a path that leaves its directory, or negative bytes";
        var caches = c.Caches;
        if (new[] { caches.Sessions, caches.Averages, caches.KvSlots, caches.KvBytes, caches.PrefixEntries, caches.Centroids,
            caches.NativeBytes }.Any(n => n < 0))
            yield return "a count of caches is negative";
        var check = c.Equality;
        if (!(check.LargestDifference >= 0) || !(check.Tolerance >= 0) || check.ProbeTokens < 1)
            yield return "the equality check has a negative figure, or no token";
        if (check.LeftOut is { } left && !left.All(e => ForestStateRules.IsText(e.Value, 4096)
            && (e.Key == EqualityCheck.Moe || c.Residuals.Any(r => r.Expert == e.Key))))
            yield return "the equality check leaves out what is no survivor, or does not say why";
        if (check.Tolerance > LargestTolerance)
            yield return $"the equality check has a tolerance of {check.Tolerance} nats; no rule gives more than {LargestTolerance}";
        if (check.Passed != check.LargestDifference <= check.Tolerance)
            yield return $"the equality check says passed: {check.Passed}, but its largest difference is {check.LargestDifference} at a "
                + $"tolerance of {check.Tolerance}";
        else if (!check.Passed)
            yield return "the equality check failed at the removal: largest difference "
                + $"{check.LargestDifference}, tolerance {check.Tolerance}";
    }

    private static IEnumerable<string> LineageProblems(RemovalCertificate c)
    {
        var removed = c.Removed.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        var survivors = c.Residuals.Select(r => r.Expert).ToHashSet(StringComparer.Ordinal);
        if (!LineagePolicy.Names.Contains(c.Policy)) yield return $"policy \"{BtxException.OneLine(c.Policy)}\" is unknown";
        if (removed.Count == 0 || removed.Count != c.Removed.Count || !removed.All(ForestManifestRules.IsName))
            yield return "removed names nothing, or an expert twice";
        if (c.Removed.Any(e => !ExpertRoot.Names.Contains(e.Root))) yield return "a removed expert has an unknown root";
        if (c.Requested.Count == 0 || !c.Requested.All(removed.Contains)) yield return "not everything that was requested was removed";
        if (c.Policy != LineagePolicy.Cascade && removed.Count != c.Requested.Count)
            yield return $"more was removed than requested under policy {c.Policy}";
        if (survivors.Count == 0 || survivors.Count != c.Residuals.Count || survivors.Overlaps(removed))
            yield return "residuals lists no survivor, one twice, or a removed expert";
        foreach (var r in c.Residuals)
        {
            if (!(r.Share is >= 0 and <= 1) || r.ByAncestor.Any(a => !c.Requested.Contains(a.Key) || !(a.Value is > 0 and <= 1)))
                yield return $"the residual ancestry of \"{BtxException.OneLine(r.Expert)}\" is not a share of what was requested";
            else if (r.Share > 0 && c.Policy == LineagePolicy.Cascade)
                yield return $"\"{BtxException.OneLine(r.Expert)}\" has residual ancestry under policy cascade";
            else if (r.Share > 0 && c.Policy == LineagePolicy.Quarantine && r.Status != ExpertStatus.Quarantined)
                yield return $"\"{BtxException.OneLine(r.Expert)}\" has residual ancestry under policy quarantine and still serves";
            if (c.Quarantined.Contains(r.Expert) && r.Status != ExpertStatus.Quarantined)
                yield return $"\"{BtxException.OneLine(r.Expert)}\" is listed as quarantined and as {BtxException.OneLine(r.Status)}";
        }

        if (!c.Quarantined.All(survivors.Contains) || (c.Quarantined.Count > 0 && c.Policy != LineagePolicy.Quarantine))
            yield return "quarantined lists an expert that is no survivor, or the policy is another";
    }
}
