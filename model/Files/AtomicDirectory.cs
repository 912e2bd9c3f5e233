using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>Builds a directory beside its final place and puts it there whole. A directory that exists is exchanged for the new one in one
/// step after the new one is complete and on disk, so a reader sees the old one or the new one, whenever the process dies. What a process
/// that died left beside the place is removed by the next writer of the same place.</summary>
public sealed partial class AtomicDirectory : IDisposable
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint Exchange = 2; // RENAME_EXCHANGE

    private readonly string final;
    private readonly DirectoryLock? held; // while this lives, no other writer takes Building for abandoned

    /// <param name="path">The final place; parents are made as needed.</param>
    /// <exception cref="BtxException">The directory beside it cannot be made.</exception>
    public AtomicDirectory(string path)
    {
        final = Path.GetFullPath(path).TrimEnd(Path.DirectorySeparatorChar);
        var parent = Path.GetDirectoryName(final) ?? throw new BtxException($"cannot create {path}: it is the root directory");
        try
        {
            Directory.CreateDirectory(parent);
            Sweep(parent, Path.GetFileName(final));
            do
            {
                held?.Dispose();
                Building = Path.Combine(parent, $".{Path.GetFileName(final)}.{Environment.ProcessId}.{Guid.NewGuid():N}.tmp");
                Directory.CreateDirectory(Building);
                held = DirectoryLock.TryTake(Building, wait: true, out _);
            }
            while (!Directory.Exists(Building)); // another writer swept it before it was locked
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot create {final}: {e.Message}", e);
        }
    }

    /// <summary>Absolute path of the directory under construction: write into it.</summary>
    public string Building { get; }

    /// <summary>Puts the finished directory in its place.</summary>
    /// <exception cref="BtxException">It could not be moved; the directory there before, if any, is unchanged.</exception>
    public void Commit()
    {
        try
        {
            Sync(Building);
            if (!Directory.Exists(final)) Directory.Move(Building, final);
            else if (!TryExchange(Building, final)) Replace();
            AtomicFile.SyncDirectory(Path.GetDirectoryName(final)!);
            Dispose(); // after an exchange, Building holds the old directory
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"cannot write {final}: {e.Message}", e);
        }
    }

    /// <summary>Removes what was built if <see cref="Commit"/> was not reached.</summary>
    public void Dispose()
    {
        try
        {
            if (Directory.Exists(Building)) Directory.Delete(Building, recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
            // After an exchange it is the old directory, without a lock: another writer may have swept it.
        }
        finally
        {
            held?.Dispose();
        }
    }

    // Only a directory named as the constructor names them, whose lock can be taken.
    private static void Sweep(string parent, string name)
    {
        foreach (var left in new DirectoryInfo(parent).EnumerateDirectories(".*.tmp")
            .Where(d => IsBuilding(d.Name, name) && d.LinkTarget is null))
        {
            using var abandoned = DirectoryLock.TryTake(left.FullName, wait: false, out _);
            if (abandoned is null) continue;
            try
            {
                left.Delete(recursive: true);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                // It does not stand in the way.
            }
        }
    }

    private static bool IsBuilding(string entry, string name) =>
        entry.StartsWith($".{name}.", StringComparison.Ordinal) && entry[(name.Length + 2)..].Split('.') is [var process, var id, "tmp"]
        && process.Length > 0 && process.All(char.IsAsciiDigit) && Guid.TryParseExact(id, "N", out _);

    // For file systems that cannot exchange: two renames, the second undone if it fails.
    private void Replace()
    {
        var old = $"{Building}.old";
        Directory.Move(final, old);
        try
        {
            Directory.Move(Building, final);
        }
        catch
        {
            Directory.Move(old, final);
            throw;
        }

        Directory.Delete(old, recursive: true);
    }

    private static void Sync(string directory)
    {
        foreach (var entry in Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories))
            AtomicFile.SyncDirectory(entry);
        AtomicFile.SyncDirectory(directory);
    }

    private static bool TryExchange(string a, string b)
    {
        if (!OperatingSystem.IsLinux()) return false;
        try
        {
            return RenameAt2(CurrentDirectory, a, CurrentDirectory, b, Exchange) == 0;
        }
        catch (EntryPointNotFoundException)
        {
            return false;
        }
    }

    [LibraryImport("libc", EntryPoint = "renameat2", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int RenameAt2(int oldDirectory, string oldPath, int newDirectory, string newPath, uint flags);
}

/// <summary>An advisory lock (flock) on a directory. It stays with the directory when that is renamed, and the operating system drops it
/// when the process ends, however it ends: unlike a process id, it tells a dead process from one in another container.</summary>
internal sealed partial class DirectoryLock : IDisposable
{
    private const int Exclusive = 2, NonBlocking = 4; // LOCK_EX, LOCK_NB
    private const int WouldBlock = 11; // EWOULDBLOCK

    private readonly SafeFileHandle handle;

    private DirectoryLock(SafeFileHandle handle) => this.handle = handle;

    /// <returns>Null: another holds it, or the directory or its file system has no locks.</returns>
    /// <param name="wait">Until another gives it up.</param>
    /// <param name="isHeld">True: another holds it, by whatever path it came to the directory.</param>
    public static DirectoryLock? TryTake(string path, bool wait, out bool isHeld)
    {
        isHeld = false;
        var handle = OpenFile.Try(path); // a child process does not keep the lock
        if (!handle.IsInvalid)
        {
            if (FLock(handle, wait ? Exclusive : Exclusive | NonBlocking) == 0) return new DirectoryLock(handle);
            isHeld = Marshal.GetLastPInvokeError() == WouldBlock;
        }

        handle.Dispose();
        return null;
    }

    public void Dispose() => handle.Dispose();

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle descriptor, int operation);
}
