using System.Runtime.InteropServices;
using Btx.Model;
using Btx.Server.Requests;

namespace Btx.Server.Doors;

/// <summary>What the system lets the doors take: each connection is an open file, each body that is being read is memory.</summary>
/// <param name="ConnectionsPerDoor">More are refused at once.</param>
/// <param name="BodyBytes">Of all bodies that are being read, what each has beyond <see cref="RequestBody.Free"/> bytes.</param>
internal sealed partial record SystemLimits(int ConnectionsPerDoor, long BodyBytes)
{
    private const int MostConnections = 8192;
    private const int FewestConnections = 8;
    private const long MostBodyBytes = 64 << 20;

    /// <summary>Files that loading and changing a forest, the journal and the runtime may open.</summary>
    private const int FilesOfItsOwn = 96 + (2 * BoundedTransport.Spare);
    private const int NoFile = 7; // RLIMIT_NOFILE

    /// <summary>From the limits of this process.</summary>
    /// <exception cref="BtxException">It may open too few files to serve.</exception>
    public static SystemLimits Read(RequestLimits requests)
    {
        var files = GetLimit(NoFile, out var limit) == 0 ? limit.Current : ulong.MaxValue;
        return Of(files, Directory.EnumerateFileSystemEntries("/proc/self/fd").Count(), GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, requests);
    }

    /// <param name="files">How many this process may have open.</param>
    /// <param name="open">How many it has.</param>
    /// <param name="memory">Bytes that it may use.</param>
    public static SystemLimits Of(ulong files, int open, long memory, RequestLimits requests)
    {
        var needed = (ulong)(open + FilesOfItsOwn + (2 * FewestConnections));
        if (files < needed) throw new BtxException($"this process may open {files} files and has {open} open; serving needs {needed} at least: raise the limit (`ulimit -n 4096`)");
        var each = Math.Min(MostConnections, (files - (ulong)(open + FilesOfItsOwn)) / 2);
        return new((int)each, Math.Max(2L * requests.BodyBytes, Math.Min(MostBodyBytes, memory / 64)));
    }

    /// <summary>What <c>serve</c> says of it when it starts.</summary>
    public override string ToString() => $"{ConnectionsPerDoor} connections at each door, {BodyBytes >> 20} MiB of requests being read (from the limits of open files and of memory)";

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int GetLimit(int resource, out Limit limit);

    [StructLayout(LayoutKind.Sequential)]
    private readonly struct Limit
    {
        public readonly ulong Current;
        public readonly ulong Highest;
    }
}
