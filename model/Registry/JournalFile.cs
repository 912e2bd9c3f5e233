namespace Btx.Model.Registry;

/// <summary>Appends lines to the journal's file: each is on disk when the call returns, or is taken back.</summary>
internal sealed class JournalFile : IDisposable
{
    private readonly string path;
    private readonly FileStream file;
    private readonly Action<string>? fault;
    private string lastSha256;
    private long length;
    private string? broken;

    /// <exception cref="IOException">It cannot be opened.</exception>
    /// <exception cref="BtxException">It is damaged.</exception>
    public JournalFile(string path, Action<string>? fault)
    {
        (this.path, this.fault) = (path, fault);
        file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read, 0);
        try
        {
            Contents = JournalContents.Read(file, path);
        }
        catch
        {
            file.Dispose();
            throw;
        }

        (lastSha256, length) = (Contents.LastSha256, Contents.Length);
    }

    /// <summary>What was there when it was opened.</summary>
    public JournalContents Contents { get; }

    /// <summary>Cuts a torn line off, completes a newline that is missing, and makes what was read durable: a killed process may not have come to that.</summary>
    public void Repair()
    {
        if (Contents.Torn is not null) file.SetLength(length);
        if (Contents.LacksNewline)
        {
            file.Position = length++;
            file.Write("\n"u8);
        }

        file.Flush(flushToDisk: true);
    }

    /// <exception cref="BtxException">The disk is full, say; the file is as it was, or if that fails too nothing more is written.</exception>
    public void Append(JournalRecord record)
    {
        if (broken is not null) throw new BtxException(broken);
        var (line, sha256) = JournalLine.Make(record, lastSha256);
        broken = $"{path}: a write did not end; restart the server";
        try
        {
            fault?.Invoke($"{record.Type}:writing");
            file.Position = length;
            file.Write(line);
            fault?.Invoke($"{record.Type}:written");
            file.Flush(flushToDisk: true);
            fault?.Invoke($"{record.Type}:synced");
        }
        // The runtime reports a file too large for the file system (EFBIG) as an argument out of range.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            TakeBack();
            throw new BtxException($"cannot write {path}: {BtxException.OneLine(e.Message)}; {(broken is null ? "nothing has changed; make room and try again" : "restart the server: it starts with the forest before or after this change")}", e);
        }

        (length, lastSha256, broken) = (length + line.Length, sha256, null);
    }

    public void Dispose() => file.Dispose();

    private void TakeBack()
    {
        try
        {
            file.SetLength(length);
            file.Flush(flushToDisk: true);
            broken = null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            broken = $"{path}: a write that failed could not be taken back ({BtxException.OneLine(e.Message)}); restart the server";
        }
    }
}
