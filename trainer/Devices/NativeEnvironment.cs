using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Btx.Trainer.Devices;

/// <summary>What must stand before libtorch is loaded: what its threads and the C allocator read once, and a way to load it.</summary>
internal static partial class NativeEnvironment
{
    private const int TrimThreshold = -1, TopPad = -2, MmapThreshold = -3, ArenaMax = -8; // mallopt's parameters in <malloc.h>

    // The runtime runs it before any code of this assembly; native getenv does not see what Environment.SetEnvironmentVariable sets.
    [ModuleInitializer]
    internal static void Prepare()
    {
        if (!OperatingSystem.IsLinux()) return;
        TorchLibrary.Offer();

        // Threads that wait by spinning steal the cores from each other: throughput halves on a small machine.
        _ = SetEnv("OMP_WAIT_POLICY", "passive", overwrite: 0);

        // A training step frees and takes the same large blocks again and again. Keep them instead of returning them to the
        // kernel, which would clear every page again.
        _ = MallOpt(TrimThreshold, int.MaxValue);
        _ = MallOpt(TopPad, 256 << 20);
        _ = MallOpt(MmapThreshold, 1 << 30);
        _ = MallOpt(ArenaMax, 1);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "mallopt")]
    private static partial int MallOpt(int parameter, int value);
}

/// <summary>The memory of a tensor on the CPU, without the checks and copies of a span of bounded length.</summary>
internal static unsafe partial class NativeTensor
{
    /// <summary>The first element of a contiguous fp32 tensor on the CPU; valid as long as the tensor is.</summary>
    public static float* Data(Tensor tensor) => (float*)DataPointer(tensor.Handle);

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataPointer(nint tensor);
}
