namespace Btx.Model.Registry;

/// <summary>Appends lines to the journal's file, and signs after each how far it goes: both are on
/// disk when a call returns, or taken back.</summary>
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

    /// <summary>What was there when it was opened.</summary>
    public JournalContents Contents { get; }

    /// <summary>Lines written.</summary>
    public long Records { get; private set; }

    /// <summary>The checksum of the last one.</summary>
    public string LastSha256 { get; private set; }

    /// <summary>
    /// Cuts a torn line off, completes a newline that is missing, makes what was read durable (a killed process may not have come to that),
    /// and signs how far it goes.
    /// </summary>
    /// <param name="key">Signs from here on.</param>
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

    /// <exception cref="BtxException">The disk is full, say; the file is as it was, or if that
    /// fails too nothing more is written.</exception>
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
