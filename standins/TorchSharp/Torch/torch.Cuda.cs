using TorchSharp.Interop;

namespace TorchSharp;

public static partial class torch
{
    public static class cuda
    {
        public static bool is_available() => LibTorch.ts_cuda_is_available();

        public static int device_count() => LibTorch.ts_cuda_device_count();

        /// <summary>Waits for all work queued on a device.</summary>
        public static void synchronize(Device? device = null) => LibTorch.Check(LibTorch.ts_cuda_synchronize(device?.index ?? -1));
    }
}
