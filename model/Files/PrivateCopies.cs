using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>Makes private copies of weight files, one of each file however often it is asked for. On disk a copy is a reflink where the
/// file system has them, which costs nothing, and otherwise as many bytes as the file has; in memory it is sealed. Thread-safe.</summary>
public sealed class PrivateCopies
{
    private const int Block = 4 << 20;

    private readonly Lock gate = new();
    private readonly Dictionary<(string Path, FileStat Stat), PrivateCopy> live = []; // under gate

    /// <summary>Bytes of all copies that are held.</summary>
    public long Bytes
    {
        get
        {
            lock (gate) return live.Values.Sum(c => c.Stat.Length);
        }
    }

    /// <summary>A copy of a file inside a directory, to be disposed of by the caller. No part of the path may be a link.</summary>
    /// <param name="path">Of the file.</param>
    /// <param name="places">Directories for copies on disk, the first that can be written; none: in memory.</param>
    /// <exception cref="BtxException">The file is missing, no regular file of its own, or changes meanwhile; or there is no
    /// room.</exception>
    public PrivateCopy Take(OpenFolder directory, string path, IReadOnlyList<string> places, CancellationToken cancellation)
    {
        var original = directory.Read(Path.GetRelativePath(directory.Path, path));
        SafeFileHandle? content = null;
        try
        {
            var stat = FileStat.Of(original);
            if (stat.Problem is { } problem) throw new BtxException($"{path}: {problem}; replace it by a copy");
            lock (gate)
            {
                if (live.TryGetValue((path, stat), out var same) && same.TryHold())
                {
                    original.Dispose();
                    return same;
                }
            }

            content = stat.Immutable ? OpenFile.Read(OpenFile.Link(original)) : Copy(original, stat.Length, path, places, cancellation);
            if (FileStat.Of(original) != stat)
                throw new BtxException($"{path}: changed while it was read; try again when nothing writes there");
            var copy = new PrivateCopy(path, original, stat, content, Forget);
            lock (gate) live[(path, stat)] = copy;
            return copy;
        }
        catch
        {
            content?.Dispose();
            original.Dispose();
            throw;
        }
    }

    private static SafeFileHandle Copy(SafeFileHandle from, long length, string path, IReadOnlyList<string> places,
        CancellationToken cancellation)
    {
        using var to = UnnamedFile.Create(places);
        try
        {
            if (!UnnamedFile.TryClone(from, to))
            {
                var buffer = new byte[Math.Min(Block, Math.Max(1, length))];
                for (long at = 0; at < length;)
                {
                    cancellation.ThrowIfCancellationRequested();
                    var read = RandomAccess.Read(from, buffer, at);
                    if (read == 0) throw new BtxException($"{path}: became shorter while it was read; try again when nothing writes there");
                    RandomAccess.Write(to, buffer.AsSpan(0, read), at);
                    at += read;
                }
            }

            return UnnamedFile.Seal(to);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            throw new BtxException($"{path}: no private copy of its {length} bytes can be made ({BtxException.OneLine(e.Message)}); "
                + $"free that much, or see --weights-copy", e);
        }
    }

    private void Forget(PrivateCopy copy)
    {
        lock (gate)
        {
            var key = (copy.Path, copy.Stat);
            if (live.TryGetValue(key, out var listed) && ReferenceEquals(listed, copy)) live.Remove(key);
        }
    }
}

/// <summary>A file as it was when it was copied. The copy has no name, so that nobody else can write, cut or replace it; the system drops
/// it with the process. Of a file that nobody may write (<see cref="FileStat.Immutable"/>) it is that file itself. Shared by count; see
/// <see cref="PrivateCopies"/>.</summary>
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

    /// <summary>For one holder more, if there is one.</summary>
    internal bool TryHold()
    {
        for (var now = Volatile.Read(ref holders); now > 0; now = Volatile.Read(ref holders))
            if (Interlocked.CompareExchange(ref holders, now + 1, now) == now) return true;

        return false;
    }

    /// <summary>For one holder more.</summary>
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

/// <summary>Files without a name, on disk or in memory.</summary>
internal static partial class UnnamedFile
{
    private const int ReadWrite = 2, CloseOnExec = 0x80000, FolderOnly = 0x10000; // O_RDWR, O_CLOEXEC, O_DIRECTORY
    private const int Unnamed = 0x400000, Exclusive = 0x80; // O_TMPFILE, never to be named by O_EXCL
    private const uint OwnerOnly = 0x180; // 0600
    private const uint MemoryCloseOnExec = 1, MemoryMaySeal = 2; // MFD_CLOEXEC, MFD_ALLOW_SEALING
    private const int AddSeals = 1033, AllSeals = 0xF; // F_ADD_SEALS; against seals, shrinking, growing, writing
    private const nuint Clone = 0x40049409; // FICLONE

    /// <param name="places">Directories; none: in memory.</param>
    /// <exception cref="BtxException">None of them can be written.</exception>
    public static SafeFileHandle Create(IReadOnlyList<string> places)
    {
        Exception? why = null;
        foreach (var place in places)
        {
            var folder = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : FolderOnly;
            var made = new SafeFileHandle(Open(place, Unnamed | folder | ReadWrite | Exclusive | CloseOnExec, OwnerOnly), ownsHandle: true);
            if (!made.IsInvalid) return made;
            try
            {
                // For file systems that make none without a name.
                var path = Path.Combine(place, $".private-{Guid.NewGuid():N}");
                made = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
                File.Delete(path);
                return made;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                why = e;
            }
        }

        if (why is not null)
            throw new BtxException($"no private copies of weights can be made in {string.Join(" or ", places)} "
            + $"({BtxException.OneLine(why.Message)}); let the server write there, or see --weights-copy",
                new IOException(why.Message, why)); // of the device, whoever asked
        var memory = new SafeFileHandle(MemoryFile("btx-weights", MemoryCloseOnExec | MemoryMaySeal), ownsHandle: true);
        if (!memory.IsInvalid) return memory;
        throw OpenFile.Failure("no private copy can be made in memory", Marshal.GetLastPInvokeError());
    }

    /// <summary>Shares the blocks of a file until one of the two is written.</summary>
    /// <returns>False: the file system cannot, or they lie on two.</returns>
    public static bool TryClone(SafeFileHandle from, SafeFileHandle to) => Control(to, Clone, from) == 0;

    /// <summary>A handle for reading of a file that was made here. If it is in memory nobody can write it from now on.</summary>
    public static SafeFileHandle Seal(SafeFileHandle file)
    {
        _ = Seals(file, AddSeals, AllSeals); // refused for a file on disk
        return OpenFile.Read(OpenFile.Link(file));
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8, SetLastError = true)]
    private static partial int MemoryFile(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "ioctl")]
    private static partial int Control(SafeFileHandle file, nuint request, SafeFileHandle argument);

    [LibraryImport("libc", EntryPoint = "fcntl")]
    private static partial int Seals(SafeFileHandle file, int command, int seals);
}
