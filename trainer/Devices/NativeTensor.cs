using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace Btx.Trainer.Devices;

/// <summary>The memory of a tensor on the CPU, without the checks and copies of a span of bounded length.</summary>
internal static unsafe partial class NativeTensor
{
    /// <summary>The first element of a contiguous fp32 tensor on the CPU; valid as long as the tensor is.</summary>
    public static float* Data(Tensor tensor) => (float*)DataPointer(tensor.Handle);

    [LibraryImport("LibTorchSharp", EntryPoint = "THSTensor_data")]
    private static partial nint DataPointer(nint tensor);
}
