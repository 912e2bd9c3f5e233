using Btx.Model.Devices;
using TorchSharp;

namespace Btx.Trainer.Devices;

/// <summary>Opens the device that <c>--device</c> names. Never falls back to another one.</summary>
public static class TorchDevice
{
    /// <summary>Loads libtorch, sets its threads, and gives the device to build networks on.</summary>
    /// <param name="spec">From <c>--device</c>.</param>
    /// <param name="threads">From <c>--threads</c>: CPU threads of one operation; at least 1.</param>
    /// <exception cref="BtxException">libtorch, its CUDA part, the driver or the GPU is missing; says which.</exception>
    public static torch.Device Open(DeviceSpec spec, int threads)
    {
        if (threads < 1) throw new BtxException($"--threads {threads}: expected at least 1");
        if (Refusal(spec, TorchFacts.Probe()) is { } refusal) throw new BtxException(refusal);
        torch.set_num_threads(threads);
        return spec.IsCuda ? torch.device(DeviceType.CUDA, spec.Index) : torch.CPU;
    }

    /// <summary>Why a device cannot be opened, as one line with the remedy; null when it can.</summary>
    public static string? Refusal(DeviceSpec spec, TorchFacts facts)
    {
        if (facts.LoadError is { } cause) return $"libtorch cannot be loaded: {cause}";
        if (!spec.IsCuda) return null;
        if (!facts.CudaLibrary)
            return $"--device {spec}: this libtorch was built without CUDA; build with it (./btx setup --cuda), or use --device cpu";
        if (!facts.Driver) return $"--device {spec}: no NVIDIA driver (libcuda.so.1) on this machine; install it, or use --device cpu";
        if (facts.DeviceCount == 0)
            return $"--device {spec}: libtorch finds no usable GPU; nvidia-smi shows what the driver sees; or use --device cpu";
        if (spec.Index >= facts.DeviceCount)
            return $"--device {spec}: there is no such GPU; this machine has {facts.DeviceCount} "
                + $"(cuda:0{(facts.DeviceCount > 1 ? $" to cuda:{facts.DeviceCount - 1}" : "")})";
        return null;
    }
}
