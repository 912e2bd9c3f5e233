using Btx.Model;
using Btx.Model.Devices;

namespace Btx.Exporter.Sessions;

/// <summary>Decides from what ONNX Runtime says whether it can use a device; the libraries are
/// <see cref="ProviderLibraries"/>' matter.</summary>
internal static class ExecutionProviders
{
    public const string Cuda = "CUDAExecutionProvider";

    /// <summary>Null if <paramref name="device"/> can be used; otherwise one line that names the missing part and the remedy.</summary>
    /// <param name="available">The providers this build of ONNX Runtime knows (<c>OrtEnv.GetAvailableProviders</c>).</param>
    /// <param name="loadError">What the runtime said when the provider was asked for; null if it was not asked or accepted.</param>
    public static string? Problem(DeviceSpec device, IReadOnlyCollection<string> available, string? loadError)
    {
        if (!device.IsCuda) return null;
        if (!available.Contains(Cuda))
            return $"--device {device}: this ONNX Runtime has no {Cuda} (it has {string.Join(", ", available)}); "
                + "use a GPU build of ONNX Runtime, or --device cpu";
        if (loadError is not null)
            return $"--device {device}: {Cuda} could not be loaded ({BtxException.OneLine(loadError)}); it needs the NVIDIA driver, CUDA "
                + "13 and cuDNN 9 on the library path, and a GPU of that index; or use --device cpu";
        return null;
    }
}
