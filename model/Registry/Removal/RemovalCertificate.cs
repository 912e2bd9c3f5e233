using System.Text.Json;
using System.Text.Json.Serialization;

namespace Btx.Model.Registry;

/// <summary>What a removal dropped and what it did not, signed by the server. The file's bytes are exactly <see cref="ToJson"/>.</summary>
public sealed record RemovalCertificate
{
    /// <summary>1, which says no <see cref="JournalRecords"/> and may have either s in its signature, is verified still.</summary>
    public const int CurrentSchema = 2;

    public const string DirectoryName = "certificates";

    /// <summary>What a removal is and is not. Every certificate says it.</summary>
    public const string StructuralStatement =
        "This certifies structural, not statistical, unlearning: the named experts' parameters, and everything computed from them that the "
            + "server held, are no longer part of the served forest. It does not certify that other experts were not trained on like text; "
            + "the residual ancestry states how much of the removed experts' parameters other experts were branched from.";

    public int Schema { get; init; } = CurrentSchema;

    public string Statement { get; init; } = StructuralStatement;

    public required string ChangeId { get; init; }

    public required string Author { get; init; }

    public required DateTimeOffset Time { get; init; }

    public required string Reason { get; init; }

    public required string Policy { get; init; }

    public required IReadOnlyList<string> Requested { get; init; }

    public required long RevisionBefore { get; init; }

    public required long RevisionAfter { get; init; }

    /// <summary><see cref="ForestState.Hash"/> before.</summary>
    public required string StateBeforeSha256 { get; init; }

    public required string StateAfterSha256 { get; init; }

    public long? JournalRecords { get; init; }

    /// <summary>The checksum of that line, which covers every line before it.</summary>
    public string? JournalSha256 { get; init; }

    public required IReadOnlyList<CertifiedExpert> Removed { get; init; }

    public IReadOnlyList<string> Quarantined { get; init; } = [];

    public IReadOnlyList<string> DroppedAverages { get; init; } = [];

    /// <summary>Averages that were rebuilt from the other experts.</summary>
    public IReadOnlyList<string> ReweightedAverages { get; init; } = [];

    /// <summary>Survivors whose cached prior was restricted to the others.</summary>
    public IReadOnlyList<string> ReweightedPriors { get; init; } = [];

    public required CertifiedCaches Caches { get; init; }

    /// <summary>SHA-256 (hex) of the BTX model's weight files before it was re-mixed; null: none is served.</summary>
    [JsonPropertyName("mixture_before_sha256")]
    public string? MoeBeforeSha256 { get; init; }

    [JsonPropertyName("mixture_after_sha256")]
    public string? MoeAfterSha256 { get; init; }

    public required IReadOnlyList<SurvivorResidual> Residuals { get; init; }

    public required EqualityCheck Equality { get; init; }

    /// <summary>ECDSA P-256 public key, SubjectPublicKeyInfo in hex. Set by <see cref="CertificateSigner.Sign"/>.</summary>
    public string PublicKey { get; init; } = "";

    public string KeyFingerprint { get; init; } = "";

    /// <summary>ECDSA with SHA-256 over <see cref="SignedBytes"/>, r and the low s in hex.</summary>
    public string Signature { get; init; } = "";

    /// <param name="findings">What was found, beside what follows from the states.</param>
    public static RemovalCertificate Of(RemovalPlan plan, ForestState before, ForestState after, ChangeRecord change,
        CertifiedFindings findings) => new()
        {
            ChangeId = change.Id,
            Author = change.Author,
            Time = change.Time,
            Reason = change.Reason,
            Policy = plan.Policy,
            Requested = plan.Requested,
            RevisionBefore = before.Revision,
            RevisionAfter = after.Revision,
            StateBeforeSha256 = before.Hash(),
            StateAfterSha256 = after.Hash(),
            JournalRecords = change.JournalRecords,
            JournalSha256 = change.JournalSha256,
            Removed = [.. plan.Removed.Select(n => CertifiedExpert.Of(before.Expert(n), findings.Files.GetValueOrDefault(n) ?? []))],
            Quarantined = plan.Quarantined,
            DroppedAverages = plan.DroppedAverages,
            ReweightedAverages = plan.ReweightedAverages,
            ReweightedPriors = plan.ReweightedPriors,
            Residuals = plan.Residuals,
            Caches = findings.Caches,
            Equality = findings.Equality,
            MoeBeforeSha256 = findings.MoeBeforeSha256,
            MoeAfterSha256 = findings.MoeAfterSha256,
        };

    /// <summary>The part of it that the journal records.</summary>
    public CertifiedFindings Findings() =>
        new(Removed.ToDictionary(e => e.Name, e => e.Files), Caches, Equality, MoeBeforeSha256, MoeAfterSha256);

    /// <summary>Where a server keeps the certificate of a change.</summary>
    public static string FileOf(string servedDirectory, string changeId) =>
        System.IO.Path.Combine(servedDirectory, DirectoryName, $"{changeId}.json");

    /// <summary>Reads the form alone; see <see cref="CertificateVerifier"/> for the rest.</summary>
    public static RemovalCertificate Parse(ReadOnlySpan<byte> json, string source) =>
        ManifestJson.Read<RemovalCertificate>(json, source, "a removal certificate");

    public byte[] ToJson() => [.. JsonSerializer.SerializeToUtf8Bytes(this, ManifestJson.Options), (byte)'\n'];

    /// <summary>What is signed: the canonical JSON on one line, the signature empty.</summary>
    public byte[] SignedBytes() => ManifestJson.Line(this with { Signature = "" });

    public void Save(string path) => AtomicFile.Write(path, stream => stream.Write(ToJson()));
}

/// <param name="Path">Relative to the expert's directory.</param>
/// <param name="Deleted">The file was seen to be gone. False: it was kept, or <paramref name="Remains"/> says what is left.</param>
/// <param name="Remains">Null: nothing is left, or it lies where it lay and no deletion was asked for.</param>
public sealed record CertifiedFile(string Path, long Bytes, bool Deleted, string? Remains = null);

public sealed record CertifiedExpert
{
    public required string Name { get; init; }

    public required string Domain { get; init; }

    public required string Sha256 { get; init; }

    /// <summary>What <see cref="Path"/> is relative to, see <see cref="ExpertRoot"/>.</summary>
    public required string Root { get; init; }

    public required string Path { get; init; }

    public IReadOnlyList<ParentEntry> Parents { get; init; } = [];

    /// <summary>SHA-256 (hex) of the training shard, if it is known.</summary>
    public string? CorpusSha256 { get; init; }

    /// <summary>True if a cached prior of its own was dropped with it.</summary>
    public bool PriorDropped { get; init; }

    public IReadOnlyList<CertifiedFile> Files { get; init; } = [];

    internal static CertifiedExpert Of(RegisteredExpert e, IReadOnlyList<CertifiedFile> files) => new()
    {
        Name = e.Name,
        Domain = e.Domain,
        Sha256 = e.Sha256,
        Root = e.Root,
        Path = e.Path,
        Parents = e.Parents,
        CorpusSha256 = e.CorpusSha256,
        PriorDropped = e.Prior is not null,
        Files = files,
    };
}

/// <summary>What of the removed experts was in the server's memory and was freed; counts as measured at the removal.</summary>
/// <param name="Averages">Averaged models that held their weights.</param>
public sealed record CertifiedCaches(long Sessions, long Averages, long KvSlots, long KvBytes, long PrefixEntries, long Centroids,
    long NativeBytes);

/// <summary>What was found at a removal and does not follow from its states: in the journal before the certificate is written.</summary>
public sealed record CertifiedFindings(IReadOnlyDictionary<string, IReadOnlyList<CertifiedFile>> Files, CertifiedCaches Caches,
    EqualityCheck Equality, [property: JsonPropertyName("mixture_before_sha256")] string? MoeBeforeSha256 = null,
    [property: JsonPropertyName("mixture_after_sha256")] string? MoeAfterSha256 = null);

/// <summary>The check that the forest after a removal equals one built from scratch without the experts.</summary>
/// <param name="LargestDifference">Largest |difference| of a log-probability, nats.</param>
/// <param name="Tolerance">Largest that passes, nats.</param>
/// <param name="LeftOut">Survivors that were quarantined because of their files, and why: not compared. Null: none.</param>
public sealed record EqualityCheck(string ProbeSha256, long ProbeTokens, double LargestDifference, double Tolerance, bool Passed,
    IReadOnlyDictionary<string, string>? LeftOut = null)
{
    /// <summary>The BTX model in <see cref="LeftOut"/>: no expert can have that name.</summary>
    public const string Moe = "the BTX model";

    public static EqualityCheck Of(string probeSha256, long probeTokens, double largestDifference, double tolerance) =>
        new(probeSha256, probeTokens, largestDifference, tolerance, largestDifference <= tolerance);
}

/// <param name="Share">Residual ancestry in all that is named, 0..1: lineage paths are counted up to the first that they meet.</param>
/// <param name="ByAncestor">Residual ancestry in each that is named; those of 0 are left out.</param>
public sealed record SurvivorResidual(string Expert, string Status, double Share, IReadOnlyDictionary<string, double> ByAncestor);
