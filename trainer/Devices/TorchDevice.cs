using System.Runtime.InteropServices;
using TorchSharp;

namespace Btx.Trainer.Devices;

/// <summary>Opens the device that <c>--device</c> names. Never falls back to another one.</summary>
public static class TorchDevice
{
    /// <summary>Loads libtorch, sets its threads, and gives the device to build networks on.</summary>
    /// <exception cref="BtxException">libtorch, its CUDA part, the driver or the GPU is missing; says which.</exception>
    public static torch.Device Open(DeviceSpec spec, int threads)
    {
        if (threads < 1) throw new BtxException($"--threads {threads}: expected at least 1");
        if (Refusal(spec, TorchFacts.Probe()) is { } refusal) throw new BtxException(refusal);
        torch.set_num_threads(threads);
        return spec.IsCuda ? torch.device(DeviceType.CUDA, spec.Index) : torch.CPU;
    }

    /// <summary>Why a device cannot be opened, as one line with the remedy; null when it can.</summary>
    public static string? Refusal(DeviceSpec spec, TorchFacts facts) => facts switch
    {
        { LoadError: { } cause } => $"libtorch cannot be loaded: {cause}",
        _ when !spec.IsCuda => null,
        { CudaLibrary: false } =>
            $"--device {spec}: this libtorch was built without CUDA; build with it (./btx setup --cuda), or use --device cpu",
        { Driver: false } => $"--device {spec}: no NVIDIA driver (libcuda.so.1) on this machine; install it, or use --device cpu",
        { DeviceCount: 0 } =>
            $"--device {spec}: libtorch finds no usable GPU; nvidia-smi shows what the driver sees; or use --device cpu",
        { DeviceCount: var count } when spec.Index >= count => $"--device {spec}: there is no such GPU; this machine has {count} "
            + $"(cuda:0{(count > 1 ? $" to cuda:{count - 1}" : "")})",
        _ => null,
    };
}

/// <summary>What this process can compute with.</summary>
/// <param name="CudaLibrary">libtorch was built with CUDA: its CUDA library is loaded.</param>
public sealed record TorchFacts(string? LoadError, bool CudaLibrary, bool Driver, int DeviceCount)
{
    /// <summary>Loads libtorch and asks it.</summary>
    public static TorchFacts Probe()
    {
        if (TorchLibrary.Load() is { } refusal) return new(refusal, false, false, 0);
        try
        {
            var devices = torch.cuda.is_available() ? torch.cuda.device_count() : 0;
            var driver = devices > 0 || NativeLibrary.TryLoad("libcuda.so.1", out _);
            return new(null, devices > 0 || IsLoaded("libtorch_cuda.so"), driver, devices);
        }
        catch (Exception e) when (Cause(e) is { } cause)
        {
            return new(cause, false, false, 0);
        }
    }

    // A missing part of libtorch shows in different ways, perhaps out of a static constructor.
    private static string? Cause(Exception e) => e switch
    {
        TypeInitializationException { InnerException: { } inner } => Cause(inner),
        DllNotFoundException or NotSupportedException or BadImageFormatException or EntryPointNotFoundException =>
            BtxException.OneLine(e.Message),
        _ => null,
    };

    private static bool IsLoaded(string library) =>
        OperatingSystem.IsLinux() && File.ReadLines("/proc/self/maps").Any(line => line.EndsWith('/' + library, StringComparison.Ordinal));
}
