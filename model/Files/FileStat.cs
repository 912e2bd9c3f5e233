using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>What the system says of a file by its handle, or by its name without following a link. Two that are equal are of one file that
/// was not touched between.</summary>
/// <param name="Names">Names that the file has; 0: it was deleted, and only handles hold it.</param>
/// <param name="Modified">Nanoseconds.</param>
/// <param name="Changed">Of the inode: content, names, owner or mode. Nanoseconds.</param>
/// <param name="Immutable">Nobody can write to it while it is marked so (<c>chattr +i</c>, fs-verity).</param>
public readonly partial record struct FileStat(FileKind Kind, uint Names, ulong Device, ulong Inode, long Length, long Modified,
    long Changed, bool Immutable)
{
    private const int CurrentDirectory = -100, NoFollow = 0x100, EmptyPath = 0x1000; // AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH
    private const uint Basic = 0x7FF; // STATX_BASIC_STATS
    private const ulong ImmutableOrVerity = 0x100010; // STATX_ATTR_IMMUTABLE, STATX_ATTR_VERITY

    /// <summary>Null: nothing has that name.</summary>
    /// <exception cref="BtxException">It could not be looked at, which says nothing of what is there.</exception>
    public static FileStat? Of(string path)
    {
        if (Read(CurrentDirectory, path, NoFollow) is { } stat) return stat;
        var error = Marshal.GetLastPInvokeError();
        return OpenFile.IsGone(error) ? null : throw OpenFile.Failure($"{BtxException.OneLine(path)}: could not be looked at", error);
    }

    public static FileStat Of(SafeFileHandle file)
    {
        var held = false;
        try
        {
            file.DangerousAddRef(ref held);
            return Read((int)file.DangerousGetHandle(), "", EmptyPath) ?? throw new IOException(Marshal.GetLastPInvokeErrorMessage());
        }
        finally
        {
            if (held) file.DangerousRelease();
        }
    }

    /// <summary>The same file, whatever was done to it.</summary>
    public bool IsSameFile(FileStat other) => Device == other.Device && Inode == other.Inode;

    /// <summary>Why it is no file or directory of its own; null: it is one.</summary>
    public string? Problem => Kind switch
    {
        FileKind.Link => "passes through a symbolic link",
        FileKind.Special => "is a pipe, a socket or a device",
        FileKind.File when Names > 1 => "is a hard link: the file has a second name",
        _ => null,
    };

    // struct statx has one layout on every architecture.
    private static unsafe FileStat? Read(int directory, string path, int flags)
    {
        var b = stackalloc byte[256];
        if (StatX(directory, path, flags, Basic, b) != 0) return null;
        var kind = (*(ushort*)(b + 28) & 0xF000) switch
        {
            0x8000 => FileKind.File,
            0x4000 => FileKind.Folder,
            0xA000 => FileKind.Link,
            _ => FileKind.Special,
        };
        return new(kind, *(uint*)(b + 16), ((ulong)*(uint*)(b + 136) << 32) | *(uint*)(b + 140), *(ulong*)(b + 32), *(long*)(b + 40),
            Time(b + 112), Time(b + 96), (*(ulong*)(b + 8) & ImmutableOrVerity) != 0);
    }

    private static unsafe long Time(byte* at) => unchecked((*(long*)at * 1_000_000_000) + *(uint*)(at + 8));

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}

/// <summary>What a name leads to, links not followed.</summary>
public enum FileKind
{
    File,
    Folder,
    Link,

    /// <summary>A pipe, a socket or a device. Who opens a pipe to read it waits for a writer, for ever.</summary>
    Special,
}

/// <summary>Holds on to a file that was read, to see later what became of it. Nothing of its content is held, but while it is open the
/// system keeps a file without a name.</summary>
public sealed class FileTrace : IDisposable
{
    private readonly SafeFileHandle file;
    private FileStat? last;

    internal FileTrace(string path, FileStat stat, SafeFileHandle file) => (Path, Stat, this.file) = (path, stat, file);

    /// <summary>As it was named when it was read.</summary>
    public string Path { get; }

    /// <summary>The file when it was read.</summary>
    public FileStat Stat { get; }

    /// <summary>What the file is by now, wherever it was moved: 0 names if it is gone.</summary>
    public FileStat Now => last ?? FileStat.Of(file);

    /// <summary>Where the file lies by now; null if it is gone, or the name that it was read by was taken away and it has others.</summary>
    public string? RealPath
    {
        get
        {
            if (Now.Names == 0) return null;
            var place = File.ResolveLinkTarget(OpenFile.Link(file), returnFinalTarget: false)?.FullName;
            return place is not null && System.IO.Path.Exists(place) ? place : null; // the system says "(deleted)" of a name that is gone
        }
    }

    /// <summary>Lets a file go that has no name any more, so that its space is free; what it was stays known.</summary>
    public void LetGo()
    {
        if (last is not null || Now is not { Names: 0 } gone) return;
        last = gone;
        file.Dispose();
    }

    /// <summary>Idempotent.</summary>
    public void Dispose() => file.Dispose();
}
