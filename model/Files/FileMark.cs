using System.Runtime.InteropServices;

namespace Btx.Model.Files;

/// <summary>Tells whether a file is still the one that was looked at: size, time of change and, on Linux, its identity and the time its inode changed.</summary>
/// <param name="Modified">UTC.</param>
/// <param name="Inode">0 where the system cannot say.</param>
/// <param name="Changed">Nanoseconds; 0 where the system cannot say.</param>
public readonly partial record struct FileMark(string Path, long Length, DateTime Modified, ulong Inode, long Changed)
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint WantInode = 0x100, WantChanged = 0x80; // STATX_INO, STATX_CTIME
    private const int InodeAt = 32, ChangedAt = 96; // struct statx has one layout on every architecture

    /// <exception cref="BtxException">It is not there or cannot be looked at.</exception>
    public static FileMark Of(string path)
    {
        try
        {
            var file = new FileInfo(path);
            var (inode, changed) = Identity(path);
            return new(path, file.Length, file.LastWriteTimeUtc, inode, changed);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{path}: cannot be read: {BtxException.OneLine(e.Message)}", e);
        }
    }

    private static unsafe (ulong Inode, long Changed) Identity(string path)
    {
        if (!OperatingSystem.IsLinux()) return default;
        var buffer = stackalloc byte[256];
        try
        {
            if (StatX(CurrentDirectory, path, 0, WantInode | WantChanged, buffer) != 0) return default;
            return (*(ulong*)(buffer + InodeAt), unchecked((*(long*)(buffer + ChangedAt) * 1_000_000_000) + *(uint*)(buffer + ChangedAt + 8)));
        }
        catch (EntryPointNotFoundException)
        {
            return default; // a C library without statx
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}
