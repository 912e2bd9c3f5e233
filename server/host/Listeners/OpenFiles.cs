using System.Runtime.InteropServices;

namespace Btx.Server.Listeners;

/// <summary>The files that this process may open: each connection is one, and the runtime keeps two for each loaded library.</summary>
internal static partial class OpenFiles
{
    /// <summary>A server with few experts opens about 270 for itself.</summary>
    public const ulong Least = 296;

    private const int Resource = 7; // RLIMIT_NOFILE

    public static ulong Limit => GetLimit(Resource, out var limit) == 0 ? limit.Current : ulong.MaxValue;

    public static int Count => Directory.EnumerateFileSystemEntries("/proc/self/fd").Count();

    /// <summary>Why a server cannot run; null: it can. Asked before anything is loaded: later not even an error could be printed.</summary>
    public static string? Problem => Limit is var limit && limit < Least
        ? $"this process may open {limit} files; a server needs {Least} and one for each connection: raise the limit (`ulimit -n 4096`)"
        : null;

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limits limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly record struct Limits(ulong Current, ulong Highest);
}
