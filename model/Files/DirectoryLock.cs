using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>
/// An advisory lock (flock) on a directory. It stays with the directory when that is renamed, and the operating system drops it when the process
/// ends, however it ends: unlike a process id, it tells a dead process from one in another container.
/// </summary>
internal sealed partial class DirectoryLock : IDisposable
{
    private const int ReadOnly = 0x80000; // O_RDONLY | O_CLOEXEC: a child process does not keep the lock
    private const int Exclusive = 2, NonBlocking = 4; // LOCK_EX, LOCK_NB

    private readonly SafeFileHandle handle;

    private DirectoryLock(SafeFileHandle handle) => this.handle = handle;

    /// <returns>Null: another holds it, or the directory or its file system has no locks.</returns>
    /// <param name="wait">Until another gives it up.</param>
    public static DirectoryLock? TryTake(string path, bool wait)
    {
        if (!OperatingSystem.IsLinux()) return null;
        var handle = new SafeFileHandle(Open(path, ReadOnly), ownsHandle: true);
        if (!handle.IsInvalid && FLock(handle, wait ? Exclusive : Exclusive | NonBlocking) == 0) return new DirectoryLock(handle);
        handle.Dispose();
        return null;
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "flock")]
    private static partial int FLock(SafeFileHandle descriptor, int operation);
}
