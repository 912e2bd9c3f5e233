using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>Opens files for reading in two steps: a handle that only names the file (O_PATH), which waits for nobody and touches no device,
/// then, if the file is a regular one, that very file by its handle. Whatever is done to the name in between changes nothing.</summary>
public static partial class OpenFile
{
    private const int PathOnly = 0x200000, CloseOnExec = 0x80000, NonBlocking = 0x800; // O_PATH, O_CLOEXEC, O_NONBLOCK
    private const int NoFollow = 0x20000, FolderOnly = 0x10000; // O_NOFOLLOW, O_DIRECTORY of x86-64
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const int NoSuchFile = 2, NotAFolder = 20, NotAllowed = 1, NoAccess = 13; // ENOENT, ENOTDIR, EPERM, EACCES

    private static bool IsArm => RuntimeInformation.ProcessArchitecture is Architecture.Arm64 or Architecture.Arm;

    /// <summary>A regular file, links followed: for paths that the user names.</summary>
    /// <exception cref="BtxException">It is not there, is no regular file, or cannot be opened; one line that names the path.</exception>
    public static SafeFileHandle Read(string path) => Open(Named(null, path, follow: true, path), FileKind.File, path);

    public static FileStream Stream(string path) => new(Read(path), FileAccess.Read, 1);

    /// <summary>A directory, links followed.</summary>
    internal static SafeFileHandle Folder(string path) => Open(Named(null, path, follow: true, path), FileKind.Folder, path);

    /// <summary>Whatever has the name in a directory: the link itself, if it is one.</summary>
    /// <param name="folder">Null: the name is a path.</param>
    /// <param name="shown">Named in errors.</param>
    internal static SafeFileHandle Named(SafeFileHandle? folder, string name, bool follow, string shown)
    {
        var held = false;
        try
        {
            folder?.DangerousAddRef(ref held);
            var flags = PathOnly | CloseOnExec | (follow ? 0 : IsArm ? 0x8000 : NoFollow);
            var handle = new SafeFileHandle(OpenAt(folder is null ? CurrentDirectory : (int)folder.DangerousGetHandle(), name, flags),
                ownsHandle: true);
            if (!handle.IsInvalid) return handle;
            var error = Marshal.GetLastPInvokeError();
            throw IsGone(error) ? new BtxException($"{shown}: not found") { Kind = ErrorKind.Missing }
                : Failure($"{shown}: cannot be opened", error);
        }
        finally
        {
            if (held) folder!.DangerousRelease();
        }
    }

    /// <summary>Opens what a handle names for reading, if it is a regular file, or a directory, as wanted. Takes the handle over.</summary>
    internal static SafeFileHandle Open(SafeFileHandle named, FileKind wanted, string shown)
    {
        using (named)
        {
            var kind = FileStat.Of(named).Kind;
            if (kind != wanted)
                throw new BtxException($"{shown}: " + (kind == FileKind.Link ? "is a symbolic link; replace it by a copy"
                    : wanted == FileKind.Folder ? "is no directory" : kind == FileKind.Folder ? "is a directory; a file is expected here"
                    : "is a pipe, a socket or a device; a file is expected here"));
            var handle = new SafeFileHandle(OpenAt(CurrentDirectory, Link(named),
                CloseOnExec | (kind == FileKind.File ? NonBlocking : IsArm ? 0x4000 : FolderOnly)), ownsHandle: true);
            return handle.IsInvalid ? throw Failure($"{shown}: cannot be read", Marshal.GetLastPInvokeError()) : handle;
        }
    }

    /// <summary>Whatever the path leads to, for reading; an invalid handle: it cannot be opened.</summary>
    internal static SafeFileHandle Try(string path) => new(OpenAt(CurrentDirectory, path, CloseOnExec | NonBlocking), ownsHandle: true);

    /// <summary>True for the errors that say that nothing has the name; all others leave it open.</summary>
    internal static bool IsGone(int error) => error is NoSuchFile or NotAFolder;

    /// <summary>A call of the system that failed, with its cause as the runtime's own calls have it.</summary>
    /// <param name="what">The file and what cannot be done.</param>
    internal static BtxException Failure(string what, int error)
    {
        var why = Marshal.GetPInvokeErrorMessage(error);
        return new($"{what}: {why}", error is NotAllowed or NoAccess ? new UnauthorizedAccessException(why) : new IOException(why, error));
    }

    /// <summary>The path by which the system reaches an open file in this process.</summary>
    internal static string Link(SafeFileHandle handle) => $"/proc/self/fd/{handle.DangerousGetHandle()}";

    [LibraryImport("libc", EntryPoint = "openat", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int OpenAt(int directory, string path, int flags);
}

/// <summary>Reads a small file whole: a manifest, a config. A size limit keeps a wrong path (a weight file, say) from filling the
/// memory.</summary>
public static class BoundedFile
{
    /// <summary>64 MiB: far above any manifest.</summary>
    public const long DefaultLimit = 64L << 20;

    /// <exception cref="BtxException">The file cannot be read, is no regular file, or has more than <paramref name="limit"/> bytes; names
    /// the path.</exception>
    public static byte[] Read(string path, long limit = DefaultLimit)
    {
        using var file = OpenFile.Read(path);
        return Read(file, path, limit);
    }

    public static byte[] Read(SafeFileHandle file, string path, long limit = DefaultLimit)
    {
        return FileErrors.Told($"{path}: cannot be read", () =>
        {
            var length = RandomAccess.GetLength(file);
            if (length > limit) throw new BtxException($"{path}: has {length} bytes; at most {limit} are expected here");
            var bytes = new byte[length];
            var got = 0;
            for (int read; got < bytes.Length && (read = RandomAccess.Read(file, bytes.AsSpan(got), got)) > 0;) got += read;
            return got == bytes.Length ? bytes :
                throw new BtxException($"{path}: became shorter while it was read; read it again when nothing writes there");
        });
    }
}

/// <summary>Failures of the file system, told in one line.</summary>
public static class FileErrors
{
    /// <param name="what">What could not be done then: <c>PATH: cannot be read</c>.</param>
    /// <exception cref="BtxException">The system refused; the message is <paramref name="what"/> and why.</exception>
    public static T Told<T>(string what, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{what}: {BtxException.OneLine(e.Message)}", e);
        }
    }
}
