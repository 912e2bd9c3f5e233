namespace Btx.Model.Registry;

/// <summary>Appends lines to the journal's file, and signs after each how far it goes: both are on disk, or taken back.</summary>
internal sealed class JournalFile : IDisposable
{
    private readonly string directory, path;
    private readonly FileStream file;
    private readonly Action<string>? injectFault;
    private readonly JournalHead? found;
    private CertificateSigner signer = null!;
    private long length;
    private string? broken;

    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="BtxException">It is damaged, or its end was cut off.</exception>
    public JournalFile(string directory, Action<string>? injectFault)
    {
        (this.directory, path, this.injectFault) = (directory, Path.Combine(directory, ChangeJournal.FileName), injectFault);
        found = JournalHead.Read(directory);
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
        try
        {
            Contents = JournalContents.Read(file, path);
            JournalHead.Require(found, Contents, directory, owned: true);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        (Records, LastSha256, length) = (Contents.Records, Contents.LastSha256, Contents.Length);
    }

    public JournalContents Contents { get; }

    public long Records { get; private set; }

    public string LastSha256 { get; private set; }

    /// <summary>Cuts a torn line off, completes a missing newline, makes what was read durable, and signs how far it goes.</summary>
    /// <returns>What a user should know of it, or null.</returns>
    public string? Repair(CertificateSigner key)
    {
        signer = key;
        if (Contents.Torn is not null) file.SetLength(length);
        if (Contents.LacksNewline)
        {
            file.Position = length++;
            file.Write("\n"u8);
        }

        file.Flush(flushToDisk: true);
        if (found?.Records == Records && found.KeyFingerprint == signer.Fingerprint) return null;
        JournalHead.Write(directory, signer, Records, LastSha256);
        return (found?.KeyFingerprint ?? (Contents.Schema >= 2 ? "that is gone" : null)) is { } old && old != signer.Fingerprint
            ? $"{path}: its end was signed by a key {old}; it is signed by {signer.Fingerprint} from here on, {Records} records" : null;
    }

    /// <exception cref="BtxException">The disk is full, say; the file is as it was, or nothing more is written.</exception>
    public void Append(JournalRecord record)
    {
        if (broken is not null) throw new BtxException(broken);
        var (line, sha256) = JournalLine.Make(record, LastSha256);
        broken = $"{path}: a write did not end; restart the server";
        var signed = false;
        try
        {
            injectFault?.Invoke($"{record.Type}:writing");
            file.Position = length;
            file.Write(line);
            injectFault?.Invoke($"{record.Type}:written");
            file.Flush(flushToDisk: true);
            injectFault?.Invoke($"{record.Type}:synced");
            JournalHead.Write(directory, signer, Records + 1, sha256);
            signed = true;
            injectFault?.Invoke($"{record.Type}:signed");
        }
        // The runtime reports a file too large for the file system (EFBIG) as an argument out of range.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BtxException
            or ArgumentOutOfRangeException { ParamName: "value" })
        {
            TakeBack(signed);
            var remedy = broken is null ? "nothing has changed; make room and try again"
                : "restart the server: it starts with the forest before or after this change";
            throw new BtxException($"cannot write {path}: {BtxException.OneLine(e.Message)}; {remedy}", e);
        }

        (length, Records, LastSha256, broken) = (length + line.Length, Records + 1, sha256, null);
    }

    public void Dispose() => file.Dispose();

    // The head first: it may never be ahead of the journal.
    private void TakeBack(bool signed)
    {
        try
        {
            if (signed) JournalHead.Write(directory, signer, Records, LastSha256);
            file.SetLength(length);
            file.Flush(flushToDisk: true);
            broken = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or BtxException)
        {
            broken = $"{path}: a write that failed could not be taken back ({BtxException.OneLine(e.Message)}); restart the server";
        }
    }
}

/// <summary><c>forest.head</c>: how far the journal goes, signed. Written whole after every line, so that the journal is never shorter, and
/// of a server that died between the two at most one line longer. A journal whose end was cut off is shorter.</summary>
/// <param name="Sha256">The checksum of the last of the records; empty before the first.</param>
internal sealed record JournalHead(int Schema, long Records, string Sha256, string PublicKey, string KeyFingerprint, string Signature)
{
    public const string FileName = "forest.head";
    public const int CurrentSchema = 1;

    /// <summary>Null: there is none.</summary>
    /// <exception cref="BtxException">It is damaged, or signed by another key than the forest's.</exception>
    public static JournalHead? Read(string servedDirectory)
    {
        var path = Path.Combine(servedDirectory, FileName);
        if (!File.Exists(path)) return null;
        var bytes = BoundedFile.Read(path, 1 << 16);
        var head = ManifestJson.Read<JournalHead>(bytes, path, $"the signed end of {ChangeJournal.FileName}; {Remedy}");
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
        var head = new JournalHead(CurrentSchema, records, sha256, signer.PublicKey, signer.Fingerprint, "");
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
            null when journal is { Schema: >= 2, Records: > 0 } && HasKey(servedDirectory) =>
                $"{FileName}, which says how far it goes, is gone",
            null => null,
            _ when journal.Records < head.Records =>
                $"ends with record {journal.Records}, but {FileName} is signed for {head.Records}: its end was cut off",
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

    private byte[] ToJson() => [.. ManifestJson.Line(this), (byte)'\n'];
}
