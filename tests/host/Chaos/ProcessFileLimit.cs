using System.Runtime.InteropServices;

namespace Btx.Server.Tests.Chaos;

/// <summary>A disk that is full for another process, without a mount: its file-size limit, lowered until disposal.</summary>
internal sealed partial class ProcessFileLimit : IDisposable
{
    private const int FileSize = 1; // RLIMIT_FSIZE
    private readonly int _process;
    private readonly Limits _before;

    /// <param name="process">Ignores the signal that goes with the limit, so that a write fails.</param>
    /// <param name="bytes">No file can grow beyond.</param>
    public ProcessFileLimit(int process, long bytes)
    {
        _process = process;
        Assert.Equal(0, Get(process, FileSize, 0, out _before));
        Assert.Equal(0, Set(process, FileSize, _before with { Current = (nuint)bytes }, 0));
    }

    public void Dispose() => Assert.Equal(0, Set(_process, FileSize, _before, 0));

    private readonly record struct Limits(nuint Current, nuint Maximum);

    [LibraryImport("libc", EntryPoint = "prlimit")]
    private static partial int Get(int process, int resource, nint none, out Limits limits);

    [LibraryImport("libc", EntryPoint = "prlimit")]
    private static partial int Set(int process, int resource, in Limits limits, nint none);
}
