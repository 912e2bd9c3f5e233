using System.Runtime.InteropServices;

namespace Btx.Model.Files;

/// <summary>Tells pipes, sockets and devices from files. Who opens a pipe to read it waits for a writer, for ever.</summary>
internal static partial class SpecialFiles
{
    private const int CurrentDirectory = -100; // AT_FDCWD
    private const uint WantType = 1; // STATX_TYPE
    private const int ModeAt = 28; // struct statx has one layout on every architecture
    private const int TypeMask = 0xF000, Regular = 0x8000, Folder = 0x4000;

    /// <summary>True for what is neither a file nor a directory; false where nothing is, or the system cannot say.</summary>
    public static unsafe bool Is(string path)
    {
        if (!OperatingSystem.IsLinux()) return false;
        var buffer = stackalloc byte[256];
        try
        {
            return StatX(CurrentDirectory, path, 0, WantType, buffer) == 0 && (*(ushort*)(buffer + ModeAt) & TypeMask) is not (Regular or Folder);
        }
        catch (EntryPointNotFoundException)
        {
            return false; // a C library without statx
        }
    }

    [LibraryImport("libc", EntryPoint = "statx", StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int StatX(int directory, string path, int flags, uint mask, byte* buffer);
}
