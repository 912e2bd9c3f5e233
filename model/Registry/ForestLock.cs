namespace Btx.Model.Registry;

/// <summary><c>forest.lock</c> beside <c>served.json</c>: one owner of a served forest at a time. The operating system drops it with the process.</summary>
internal sealed class ForestLock : IDisposable
{
    public const string FileName = "forest.lock";

    private readonly FileStream held;

    private ForestLock(FileStream held) => this.held = held;

    /// <exception cref="BtxException">Another process holds it, or the directory cannot be written.</exception>
    public static ForestLock Take(string directory)
    {
        try
        {
            return new(new FileStream(Path.Combine(directory, FileName), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, 0));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException(
                e.HResult == 11 || e.Message.Contains("being used by another process", StringComparison.Ordinal)
                    ? $"{directory}: is served by another process, which holds {FileName}; stop that one, or ask it for the change"
                    : $"{directory}: {FileName} cannot be opened: {BtxException.OneLine(e.Message)}; a server must be able to write beside {Serving.ServedForestManifest.FileName}, or serve with --read-only", e);
        }
    }

    public void Dispose() => held.Dispose();
}
