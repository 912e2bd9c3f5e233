using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>
/// An advisory lock (flock) on a directory. It stays with the directory when that is renamed, and
/// the operating system drops it when the process
/// ends, however it ends: unlike a process id, it tells a dead process from one in another container.
/// </summary>
internal sealed partial class DirectoryLock : IDisposable
{
    private const int ReadOnly = 0x80000; // O_RDONLY | O_CLOEXEC: a child process does not keep the lock
    private const int Exclusive = 2, NonBlocking = 4; // LOCK_EX, LOCK_NB
    private const int WouldBlock = 11; // EWOULDBLOCK

    private readonly SafeFileHandle handle;

    private DirectoryLock(SafeFileHandle handle) => this.handle = handle;

    /// <returns>Null: another holds it, or the directory or its file system has no locks.</returns>
    /// <param name="wait">Until another gives it up.</param>
    public static DirectoryLock? TryTake(string path, bool wait) => TryTake(path, wait, out _);

    /// <inheritdoc cref="TryTake(string, bool)"/>
    /// <param name="isHeld">True: another holds it, by whatever path it came to the directory.</param>
    public static DirectoryLock? TryTake(string path, bool wait, out bool isHeld)
    {
        isHeld = false;
        if (!OperatingSystem.IsLinux()) return null;
        var handle = new SafeFileHandle(Open(path, ReadOnly), ownsHandle: true);
        if (!handle.IsInvalid)
        {
            if (FLock(handle, wait ? Exclusive : Exclusive | NonBlocking) == 0) return new DirectoryLock(handle);
            isHeld = Marshal.GetLastPInvokeError() == WouldBlock;
        }

        handle.Dispose();
        return null;
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle descriptor, int operation);
}
