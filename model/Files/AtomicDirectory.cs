namespace Btx.Model.Files;

/// <summary>
/// Builds a directory beside its final place and moves it there whole. A directory that exists is replaced only after the new
/// one is complete, so a reader sees the old one or the new one.
/// </summary>
public sealed class AtomicDirectory : IDisposable
{
    private readonly string final;

    public AtomicDirectory(string path)
    {
        final = Path.GetFullPath(path).TrimEnd(Path.DirectorySeparatorChar);
        var parent = Path.GetDirectoryName(final)!;
        try
        {
            Directory.CreateDirectory(parent);
            Building = Path.Combine(parent, $".{Path.GetFileName(final)}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp");
            Directory.CreateDirectory(Building);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot create {final}: {e.Message}", e);
        }
    }

    /// <summary>Absolute path of the directory under construction: write into it.</summary>
    public string Building { get; }

    /// <summary>Moves the finished directory to its place.</summary>
    public void Commit()
    {
        string? old = null;
        if (Directory.Exists(final))
        {
            old = $"{Building}.old";
            Directory.Move(final, old);
        }

        Directory.Move(Building, final);
        AtomicFile.SyncDirectory(Path.GetDirectoryName(final)!);
        if (old is not null) Directory.Delete(old, recursive: true);
    }

    /// <summary>Removes what was built if <see cref="Commit"/> was not reached.</summary>
    public void Dispose()
    {
        if (Directory.Exists(Building)) Directory.Delete(Building, recursive: true);
    }
}
