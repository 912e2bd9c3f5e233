using System.Security.Cryptography;
using Btx.Model.Files;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>Checks a <see cref="RemovalCertificate"/> without a server.</summary>
public static class CertificateVerifier
{
    /// <param name="path">Of the certificate.</param>
    /// <param name="fingerprint">SHA-256 (hex) of the key that must have signed it; null: the served forest's, or else any.</param>
    /// <param name="servedDirectory">The served forest that it speaks of, to compare with; null: the certificate alone.</param>
    /// <exception cref="BtxException">The file cannot be read. Everything else is in the report.</exception>
    public static CertificateReport Verify(string path, string? fingerprint = null, string? servedDirectory = null) => Verify(BoundedFile.Read(path, 16 << 20), path, fingerprint, servedDirectory);

    /// <inheritdoc cref="Verify(string, string?, string?)"/>
    /// <param name="source">Named in faults.</param>
    public static CertificateReport Verify(ReadOnlySpan<byte> json, string source, string? fingerprint = null, string? servedDirectory = null)
    {
        List<string> checks = [], faults = [];
        RemovalCertificate certificate;
        try
        {
            certificate = RemovalCertificate.Parse(json, source);
        }
        catch (BtxException e)
        {
            return new(null, checks, [e.Message]);
        }

        if (!json.SequenceEqual(certificate.ToJson())) faults.Add("the file is not as it was written: bytes were changed, added or left out");
        if (Signature(certificate) is { } fault) faults.Add(fault);
        else checks.Add($"signed by the key {certificate.KeyFingerprint}");
        var inner = CertificateRules.Faults(certificate).ToList();
        faults.AddRange(inner);
        if (inner.Count == 0)
        {
            var check = certificate.Equality;
            checks.Add("complete and consistent");
            checks.Add($"equal to a forest built without: largest difference {check.LargestDifference} over {check.ProbeTokens} tokens, tolerance {check.Tolerance}");
        }

        try
        {
            var expected = fingerprint ?? (servedDirectory is null ? null : CertificateSigner.FingerprintOf(servedDirectory) ?? throw new BtxException($"{servedDirectory}: has no {CertificateSigner.PublicKeyName} to compare with; name the key by its fingerprint"));
            if (expected is not null && expected != certificate.KeyFingerprint) faults.Add($"signed by the key {BtxException.OneLine(certificate.KeyFingerprint)}, expected {BtxException.OneLine(expected)}");
            else if (expected is not null) checks.Add("the key is the expected one");
            if (servedDirectory is not null && inner.Count == 0) Served(certificate, servedDirectory, checks, faults);
        }
        catch (BtxException e)
        {
            faults.Add(e.Message);
        }

        return new(certificate, checks, faults);
    }

    private static string? Signature(RemovalCertificate c)
    {
        try
        {
            var publicKey = Convert.FromHexString(c.PublicKey);
            if (Convert.ToHexStringLower(publicKey) != c.PublicKey || RegistryJson.Hash(publicKey) != c.KeyFingerprint) return "the fingerprint is not that of the public key";
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(publicKey, out var read);
            if (read != publicKey.Length || key.KeySize != 256) return "the public key is not one of P-256";
            var signature = Convert.FromHexString(c.Signature);
            return Convert.ToHexStringLower(signature) == c.Signature && key.VerifyData(c.SignedBytes(), signature, HashAlgorithmName.SHA256) ? null : "the signature does not fit: the certificate was changed, or signed by another key";
        }
        catch (Exception e) when (e is FormatException or CryptographicException or ArgumentException)
        {
            return $"the public key or the signature cannot be read ({BtxException.OneLine(e.Message)})";
        }
    }

    private static void Served(RemovalCertificate c, string directory, List<string> checks, List<string> faults)
    {
        var before = faults.Count;
        var journal = JournalContents.Read(directory);
        if (journal.Torn is { } torn) faults.Add(torn);
        if (journal.History.FirstOrDefault(h => h.Id == c.ChangeId) is not { Kind: ChangeKind.Remove, Outcome: ChangeOutcome.Committed } change)
        {
            faults.Add($"{directory}: its journal has no committed removal {c.ChangeId}");
            return;
        }

        if (change.BeforeSha256 != c.StateBeforeSha256 || change.AfterSha256 != c.StateAfterSha256 || change.RevisionBefore != c.RevisionBefore) faults.Add($"{directory}: change {c.ChangeId} of its journal led from and to other states");
        if (change.Author != c.Author || change.Reason != c.Reason || change.Time != c.Time) faults.Add($"{directory}: change {c.ChangeId} of its journal has another author, time or reason");
        foreach (var expert in c.Removed.Where(e => journal.State!.Experts.Any(s => s.Name == e.Name || s.Sha256 == e.Sha256)))
        {
            var again = journal.History.LastOrDefault(h => h.Kind == ChangeKind.Add && h.Outcome == ChangeOutcome.Committed && h.RevisionBefore >= c.RevisionAfter && h.Subjects.Contains(expert.Name));
            faults.Add($"{directory}: serves the weights or the name of \"{expert.Name}\"{(again is null ? "" : $", added again by change {again.Id}")}");
        }

        if (faults.Count == before) checks.Add($"the journal of {directory} has the change; none of the removed is served at revision {journal.State!.Revision}");
        Files(c, directory, change, checks, faults);
    }

    private static void Files(RemovalCertificate c, string directory, ChangeRecord change, List<string> checks, List<string> faults)
    {
        var served = ServedForestManifest.Parse(BoundedFile.Read(Path.Combine(directory, ServedForestManifest.FileName)), Path.Combine(directory, ServedForestManifest.FileName));
        if (change is { Purge.Count: > 0, PurgedAt: null }) faults.Add($"{directory}: the purge of change {c.ChangeId} has not ended; start the server to complete it");
        var (gone, kept) = (0, 0);
        foreach (var expert in c.Removed)
        {
            var place = RegisteredExpert.Directory(expert.Root, expert.Path, directory, served);
            foreach (var file in expert.Files)
            {
                if (!file.Deleted) kept++;
                else if (Path.Exists(Path.Combine(place, file.Path))) faults.Add($"{Path.Combine(place, file.Path)}: is still there, though the certificate says it was deleted");
                else gone++;
            }
        }

        checks.Add($"files of the removed: {gone} deleted, {kept} kept");
    }
}
