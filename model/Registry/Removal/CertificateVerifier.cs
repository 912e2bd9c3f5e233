using System.Text.Json;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>Checks a <see cref="RemovalCertificate"/> without a server.</summary>
public static class CertificateVerifier
{
    /// <param name="fingerprint">SHA-256 (hex) of the key that must have signed it; null: the served forest's, or else any.</param>
    /// <param name="servedDirectory">The served forest that it speaks of, to compare with; null: the certificate alone.</param>
    /// <exception cref="BtxException">The file cannot be read. Everything else is in the report.</exception>
    public static CertificateReport Verify(string path, string? fingerprint = null, string? servedDirectory = null) =>
        Verify(BoundedFile.Read(path, 16 << 20), path, fingerprint, servedDirectory);

    /// <inheritdoc cref="Verify(string, string?, string?)"/>
    public static CertificateReport Verify(ReadOnlySpan<byte> json, string source, string? fingerprint = null,
        string? servedDirectory = null)
    {
        List<string> checks = [], problems = [];
        RemovalCertificate certificate;
        try
        {
            certificate = RemovalCertificate.Parse(json, source);
        }
        catch (BtxException e)
        {
            return new(null, checks, [e.Message]);
        }

        if (!json.SequenceEqual(certificate.ToJson()))
            problems.Add("the file is not as it was written: bytes were changed, added or left out");
        var (key, signature) = (certificate.KeyFingerprint, certificate.Signature);
        var problem = P256Signature.Problem(certificate.SignedBytes(), certificate.PublicKey, key, signature, certificate.Schema == 1);
        if (problem is not null) problems.Add(problem);
        else checks.Add($"signed by the key {certificate.KeyFingerprint}");
        var inner = CertificateRules.Problems(certificate).ToList();
        problems.AddRange(inner);
        if (inner.Count == 0)
        {
            var check = certificate.Equality;
            checks.Add("complete and consistent");
            checks.Add($"equal to a forest built without: largest difference {check.LargestDifference} over {check.ProbeTokens} tokens, "
                    + $"tolerance {check.Tolerance}{(check.LeftOut is { } left ? $"; not compared: {string.Join(", ", left.Keys)}" : "")}");
        }

        try
        {
            var expected = fingerprint ?? (servedDirectory is null ? null : CertificateSigner.FingerprintOf(servedDirectory)
                ?? throw new BtxException($"{servedDirectory}: has no {CertificateSigner.PublicKeyName} to compare "
                    + "with; name the key by its fingerprint"));
            if (expected is not null && expected != certificate.KeyFingerprint)
                problems.Add(
                    $"signed by the key {BtxException.OneLine(certificate.KeyFingerprint)}, expected {BtxException.OneLine(expected)}");
            else if (expected is not null) checks.Add("the key is the expected one");
            if (servedDirectory is not null && inner.Count == 0) Served(certificate, servedDirectory, checks, problems);
        }
        catch (BtxException e)
        {
            problems.Add(e.Message);
        }

        return new(certificate, checks, problems);
    }

    private static void Served(RemovalCertificate c, string directory, List<string> checks, List<string> problems)
    {
        var before = problems.Count;
        var journal = JournalContents.Read(directory, c.ChangeId);
        if (journal.Torn is { } torn) problems.Add(torn);
        if (journal.History.FirstOrDefault(h => h.Id == c.ChangeId) is not
            { Kind: ChangeKind.Remove, Outcome: ChangeOutcome.Committed } change)
        {
            problems.Add($"{directory}: its journal has no committed removal {c.ChangeId}");
            return;
        }

        var began = journal.Wanted.Before ?? journal.Base ?? ForestState.Load(directory);
        problems.AddRange(Differences(c, change, began, journal.Wanted.After!, out var isLatest).Select(d => $"{directory}: {d}"));
        foreach (var expert in c.Removed.Where(e => journal.State!.Experts.Any(s => s.Name == e.Name || s.Sha256 == e.Sha256)))
        {
            var again = journal.History.LastOrDefault(h => h.Kind == ChangeKind.Add && h.Outcome == ChangeOutcome.Committed
                && h.RevisionBefore >= c.RevisionAfter && h.Subjects.Contains(expert.Name));
            problems.Add($"{directory}: serves the weights or the name of "
                    + $"\"{BtxException.OneLine(expert.Name)}\"{(again is null ? "" : $", added again by change {again.Id}")}");
        }

        if (problems.Count == before)
        {
            checks.Add($"the journal of {directory} has the change and says the same in every field");
            if (!isLatest)
                checks.Add($"the journal has a later finding of change {c.ChangeId} than this certificate, which was made again since: "
                    + $"fetch the latest (btx experts certificate {c.ChangeId})");
            checks.Add($"none of the removed is served at revision {journal.State!.Revision}");
            checks.Add(journal.SignedBy is { } key
                ? $"the journal's {journal.Records} records are all there: their end is signed by the key {key}"
                : "the journal's end is not signed: an earlier version wrote it, and no server has opened it since");
        }

        Files(c, directory, change, checks, problems);
    }

    // Every statement follows from the journal: from the states before and after, the change, and what was found when it was made.
    /// <param name="isLatest">What was found last when it was made is what the certificate says.</param>
    private static List<string> Differences(RemovalCertificate c, ChangeRecord change, ForestState before, ForestState after,
        out bool isLatest)
    {
        var plan = RemovalPlan.Of(before, change.Subjects, change.Policy ?? c.Policy);
        IReadOnlyList<CertifiedFindings> found = change.Certified.Count > 0 ? change.Certified : [c.Findings()];
        var all = found.Select(f => Fields(c, RemovalCertificate.Of(plan, before, after, change, f))).ToList();
        var differences = all.MinBy(d => d.Count)!;
        isLatest = all[^1].Count == differences.Count;
        if (change.Certified.Count == 0 && c.Schema >= 2)
            differences.Add($"its journal does not have that change {change.Id} was certified");
        return differences;
    }

    private static List<string> Fields(RemovalCertificate c, RemovalCertificate recorded)
    {
        recorded = recorded with { PublicKey = c.PublicKey, KeyFingerprint = c.KeyFingerprint, Signature = c.Signature };
        if (c.Schema == 1) recorded = recorded with { Schema = 1, JournalRecords = null, JournalSha256 = null };
        var (said, expected) = (Json(c), Json(recorded));
        string Bounded(string? value) => BtxException.OneLine(value ?? "none");
        return [.. said.Keys.Union(expected.Keys).Where(f => said.GetValueOrDefault(f) != expected.GetValueOrDefault(f))
            .Select(f => (Field: f, Journal: Bounded(expected.GetValueOrDefault(f)), Certificate: Bounded(said.GetValueOrDefault(f))))
            .Select(f => $"its journal has another {f.Field}: {f.Journal}; the certificate says {f.Certificate}")];
    }

    private static Dictionary<string, string> Json(RemovalCertificate c) =>
        JsonSerializer.SerializeToElement(c, ManifestJson.Compact).EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetRawText());

    private static void Files(RemovalCertificate c, string directory, ChangeRecord change, List<string> checks, List<string> problems)
    {
        var served = ServedForestManifest.Parse(BoundedFile.Read(Path.Combine(directory, ServedForestManifest.FileName)),
            Path.Combine(directory, ServedForestManifest.FileName));
        if (change is { Purge.Count: > 0, PurgedAt: null })
            problems.Add($"{directory}: the purge of change {c.ChangeId} has not ended; start the server to complete it");
        var (gone, kept, left) = (0, 0, 0);
        foreach (var expert in c.Removed)
        {
            var place = RegisteredExpert.Directory(expert.Root, expert.Path, directory, served);
            foreach (var file in expert.Files)
            {
                if (file.Remains is not null) left++;
                if (!file.Deleted) kept++;
                else if (Path.Exists(Path.Combine(place, file.Path)))
                    problems.Add($"{Path.Combine(place, file.Path)}: is still there, though the certificate says it was deleted");
                else gone++;
            }
        }

        checks.Add($"files of the removed: {gone} deleted, {kept} kept"
            + (left == 0 ? "" : $", {left} of them not as they lay there: see \"remains\" in the certificate"));
    }
}

/// <summary>What the check of a certificate found.</summary>
public sealed record CertificateReport(RemovalCertificate? Certificate, IReadOnlyList<string> Checks, IReadOnlyList<string> Problems)
{
    public bool Valid => Problems.Count == 0;
}
