using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

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
