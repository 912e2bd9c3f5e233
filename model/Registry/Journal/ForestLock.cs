namespace Btx.Model.Registry;

/// <summary>One owner of a served forest at a time: a lock on the directory itself, and <c>forest.lock</c> in it, for file systems that
/// cannot lock directories. The operating system drops both with the process.</summary>
public sealed class ForestLock : IDisposable
{
    public const string FileName = "forest.lock";

    private readonly FileStream file;
    private readonly DirectoryLock? directory;

    private ForestLock(FileStream file, DirectoryLock? directory) => (this.file, this.directory) = (file, directory);

    /// <exception cref="BtxException">Another process holds it, or the directory cannot be written.</exception>
    public static ForestLock Take(string directory)
    {
        var inode = DirectoryLock.TryTake(directory, wait: false, out var isHeld);
        try
        {
            if (isHeld) throw new BtxException(Held(directory));
            var path = Path.Combine(directory, FileName);
            return new(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 0), inode);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            inode?.Dispose();
            if (e.HResult == 11 || e.Message.Contains("being used by another process", StringComparison.Ordinal))
                throw new BtxException(Held(directory), e);
            throw new BtxException($"{directory}: {FileName} cannot be opened: {BtxException.OneLine(e.Message)}; a server must be able to "
                + $"write beside {Serving.ServedForestManifest.FileName}, or serve with --read-only", e);
        }
    }

    public void Dispose()
    {
        file.Dispose();
        directory?.Dispose();
    }

    private static string Held(string directory) =>
        $"{directory}: is served by another process, which holds {FileName}; stop that one, or ask it for the change";
}
