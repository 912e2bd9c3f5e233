using System.Runtime.InteropServices;
using TorchSharp;

namespace Btx.Trainer.Devices;

/// <summary>What this process can compute with.</summary>
/// <param name="LoadError">Why libtorch could not be loaded; null when it was.</param>
/// <param name="CudaLibrary">libtorch was built with CUDA: its CUDA library is loaded.</param>
/// <param name="Driver">The NVIDIA driver's library can be loaded.</param>
/// <param name="DeviceCount">GPUs that libtorch can use.</param>
public sealed record TorchFacts(string? LoadError, bool CudaLibrary, bool Driver, int DeviceCount)
{
    /// <summary>Loads libtorch and asks it.</summary>
    public static TorchFacts Probe()
    {
        if (TorchLibrary.Load() is { } refusal) return new(refusal, false, false, 0);
        int devices;
        try
        {
            devices = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
        }
        catch (Exception e) when (Cause(e) is { } cause)
        {
            return new(cause, false, false, 0);
        }

        return new(null, devices > 0 || IsLoaded("libtorch_cuda.so"), devices > 0 || CanLoad("libcuda.so.1"), devices);
    }

    // A missing part of libtorch shows in different ways, perhaps out of a static constructor.
    private static string? Cause(Exception e) => e switch
    {
        TypeInitializationException { InnerException: { } inner } => Cause(inner),
        DllNotFoundException or NotSupportedException or BadImageFormatException
            or EntryPointNotFoundException => BtxException.OneLine(e.Message),
        _ => null,
    };

    private static bool IsLoaded(string library) =>
        OperatingSystem.IsLinux() && File.ReadLines("/proc/self/maps").Any(line => line.EndsWith('/' + library, StringComparison.Ordinal));

    private static bool CanLoad(string library)
    {
        if (!NativeLibrary.TryLoad(library, out var handle)) return false;
        NativeLibrary.Free(handle);
        return true;
    }
}
