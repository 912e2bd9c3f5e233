using System.Runtime.InteropServices;

namespace Btx.Model.Files;

/// <summary>Counts the names of a file. A file with a second name can be changed from outside its directory, behind a manifest's back.</summary>
internal static partial class HardLinks
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint WantLinks = 4; // STATX_NLINK
    private const int LinksAt = 16; // struct statx has one layout on every architecture

    /// <summary>The number of names of <paramref name="path"/>; 1 where the system cannot say.</summary>
    public static unsafe uint Count(string path)
    {
        if (!OperatingSystem.IsLinux()) return 1;
        var buffer = stackalloc byte[256];
        try
        {
            return StatX(CurrentDirectory, path, 0, WantLinks, buffer) == 0 ? *(uint*)(buffer + LinksAt) : 1;
        }
        catch (EntryPointNotFoundException)
        {
            return 1; // a C library without statx
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}
