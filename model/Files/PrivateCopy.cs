using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>
/// A file as it was when it was copied. The copy has no name, so that nobody else can write, cut or replace it; the system drops it with
/// the
/// process. Of a file that nobody may write (<see cref="FileStat.Immutable"/>) it is that file itself. Shared by count; see
/// <see cref="PrivateCopies"/>.
/// </summary>
public sealed class PrivateCopy : IDisposable
{
    private readonly Action<PrivateCopy> freed;
    private int holders = 1;

    internal PrivateCopy(string path, SafeFileHandle original, FileStat stat, SafeFileHandle content, Action<PrivateCopy> freed) =>
        (Path, Original, Stat, Content, this.freed) = (path, original, stat, content, freed);

    /// <summary>Of the file that was copied, as it was named.</summary>
    public string Path { get; }

    /// <summary>The file when it was copied.</summary>
    public FileStat Stat { get; }

    /// <summary>For reading, as long as this is held.</summary>
    public SafeFileHandle Content { get; }

    private SafeFileHandle Original { get; }

    /// <summary>Holds on to the file that was copied, but not to the copy; also to one that may not be read any more.</summary>
    public FileTrace Trace() => new(Path, Stat, OpenFile.Named(null, OpenFile.Link(Original), follow: true, Path));

    /// <summary>True while the path leads to the same file, and nothing was done to it.</summary>
    public bool IsUntouched => FileStat.Of(Path) == Stat;

    /// <summary>For one holder more, if there is one.</summary>
    internal bool TryHold()
    {
        for (var now = Volatile.Read(ref holders); now > 0; now = Volatile.Read(ref holders))
        {
            if (Interlocked.CompareExchange(ref holders, now + 1, now) == now) return true;
        }

        return false;
    }

    /// <summary>For one holder more.</summary>
    /// <exception cref="ObjectDisposedException">The last has let go.</exception>
    public PrivateCopy Hold() => TryHold() ? this : throw new ObjectDisposedException(Path);

    /// <summary>Lets go; the last to do so frees the copy.</summary>
    public void Dispose()
    {
        if (Interlocked.Decrement(ref holders) != 0) return;
        freed(this);
        Content.Dispose();
        Original.Dispose();
    }
}
