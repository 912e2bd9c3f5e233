using Btx.Model.Files;

namespace Btx.Model.Registry;

/// <summary>
/// <c>forest.head</c>: how far the journal goes, signed. Written whole after every line, so
/// that the journal is never shorter, and of a server
/// that died between the two at most one line longer. A journal whose end was cut off is shorter.
/// </summary>
internal sealed record JournalHead
{
    public const string FileName = "forest.head";
    public const int CurrentSchema = 1;

    public int Schema { get; init; } = CurrentSchema;

    /// <summary>Lines of the journal; 0 before the first.</summary>
    public required long Records { get; init; }

    /// <summary>The checksum of the last of them; empty before the first.</summary>
    public required string Sha256 { get; init; }

    public string PublicKey { get; init; } = "";

    public string KeyFingerprint { get; init; } = "";

    public string Signature { get; init; } = "";

    /// <summary>Null: there is none.</summary>
    /// <exception cref="BtxException">It is damaged, or signed by another key than the forest's.</exception>
    public static JournalHead? Read(string servedDirectory)
    {
        var path = Path.Combine(servedDirectory, FileName);
        if (!File.Exists(path)) return null;
        var bytes = BoundedFile.Read(path, 1 << 16);
        var head = RegistryJson.Parse<JournalHead>(bytes, path, $"the signed end of {ChangeJournal.FileName}; {Remedy}");
        var problem = head.Schema != CurrentSchema ? $"schema is {head.Schema}; this version reads {CurrentSchema}"
            : !bytes.AsSpan().SequenceEqual(head.ToJson()) ? "it is not as it was written"
            : P256Signature.Problem((head with { Signature = "" }).ToJson(), head.PublicKey, head.KeyFingerprint, head.Signature);
        if (problem is null && CertificateSigner.FingerprintOf(servedDirectory) is { } key && key != head.KeyFingerprint)
            problem = $"it is signed by another key than {CertificateSigner.PublicKeyName}";
        return problem is null ? head : throw new BtxException($"{path}: {problem}; {Remedy}");
    }

    /// <exception cref="BtxException">It cannot be written: the one before stands.</exception>
    public static void Write(string servedDirectory, CertificateSigner signer, long records, string sha256)
    {
        var head = new JournalHead
        {
            Records = records,
            Sha256 = sha256,
            PublicKey = signer.PublicKey,
            KeyFingerprint = signer.Fingerprint
        };
        head = head with { Signature = signer.SignBytes(head.ToJson()) };
        AtomicFile.Write(Path.Combine(servedDirectory, FileName), stream => stream.Write(head.ToJson()));
    }

    /// <summary>Compares a journal with what is signed of it.</summary>
    /// <param name="owned">No server can be writing: then at most one line may be missing in the head.</param>
    /// <exception cref="BtxException">The journal's end was cut off, it is another one, or its head is gone.</exception>
    public static void Require(JournalHead? head, JournalContents journal, string servedDirectory, bool owned)
    {
        var path = Path.Combine(servedDirectory, ChangeJournal.FileName);
        var problem = head switch
        {
            null when journal is { Schema: >= 2, Records: > 0 }
                && HasKey(servedDirectory) => $"{FileName}, which says how far it goes, is gone",
            null => null,
            _ when journal.Records
                < head.Records => $"ends with record {journal.Records}, but {FileName} is signed for {head.Records}: its end was cut off",
            _ when journal.ChecksumAt(head.Records) != head.Sha256 => $"is not the journal that {FileName} is signed for",
            _ when owned && journal.Records > head.Records + 1 =>
                $"has {journal.Records} records, but {FileName} is signed for {head.Records}: no server wrote the rest",
            _ => null,
        };
        if (problem is not null) throw new BtxException($"{path}: {problem}; {Remedy}");
    }

    /// <summary>What goes with a journal that is given up.</summary>
    public const string Companions = $"{FileName}, {CertificateSigner.KeyName} and {CertificateSigner.PublicKeyName}";

    private const string Remedy = $"restore {ChangeJournal.FileName} and {FileName} from one copy; or, to go on with what the journal has, "
        + $"move {Companions} away: the forest then gets a new key, which auditors see";

    private static bool HasKey(string directory) =>
        File.Exists(Path.Combine(directory, CertificateSigner.KeyName))
        || File.Exists(Path.Combine(directory, CertificateSigner.PublicKeyName));

    private byte[] ToJson() => [.. RegistryJson.Bytes(this), (byte)'\n'];
}
