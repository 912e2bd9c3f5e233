using System.Runtime.InteropServices;

namespace Btx.Model.Tests.Files;

/// <summary>
/// A file system that is full after so many bytes, without a mount: the process's file-size limit, lowered until disposal, with the
/// signal that goes with it ignored, so that a longer write fails as on a full disk.
/// </summary>
internal sealed partial class FileSizeLimit : IDisposable
{
    private const int FileSize = 1; // RLIMIT_FSIZE
    private const int SizeSignal = 25; // SIGXFSZ
    private readonly Limits before;

    public FileSizeLimit(long bytes)
    {
        Signal(SizeSignal, 1); // SIG_IGN
        Assert.Equal(0, Get(FileSize, out before));
        Assert.Equal(0, Set(FileSize, before with { Current = (nuint)bytes }));
    }

    public void Dispose() => Assert.Equal(0, Set(FileSize, before));

    private readonly record struct Limits(nuint Current, nuint Maximum);

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint Signal(int signal, nint handler);

    [LibraryImport("libc", EntryPoint = "getrlimit")]
    private static partial int Get(int resource, out Limits limits);

    [LibraryImport("libc", EntryPoint = "setrlimit")]
    private static partial int Set(int resource, in Limits limits);
}
