using Btx.Model.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter;

/// <summary>Session options for a device, or a clear refusal; there is no silent fall-back to another device.</summary>
internal static class DeviceSessions
{
    /// <exception cref="BtxException">The device cannot be had; names the missing library and the remedy.</exception>
    public static SessionOptions Options(DeviceSpec device, int threads)
    {
        var available = OrtEnv.Instance().GetAvailableProviders();
        if ((ProviderLibraries.Of(device).Problem(device) ?? ExecutionProviders.Problem(device, available, null)) is { } missing)
            throw new BtxException(missing);
        var options = new SessionOptions
        {
            LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            IntraOpNumThreads = threads,
            EnableMemoryPattern = false,
        };
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "1"); // within a run; between runs threads block, as the server's
        options.AddSessionConfigEntry("session.force_spinning_stop", "1");
        if (!device.IsCuda) return options;
        try
        {
            options.AppendExecutionProvider_CUDA(device.Index);
            return options;
        }
        catch (OnnxRuntimeException e)
        {
            options.Dispose();
            throw new BtxException(ExecutionProviders.Problem(device, available, e.Message)!, e);
        }
    }
}

/// <summary>Decides from what ONNX Runtime says whether it can use a device; the libraries are <see cref="ProviderLibraries"/>'
/// matter.</summary>
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
