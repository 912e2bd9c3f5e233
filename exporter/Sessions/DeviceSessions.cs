using Btx.Model;
using Btx.Model.Devices;
using Microsoft.ML.OnnxRuntime;

namespace Btx.Exporter.Sessions;

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
        options.AddSessionConfigEntry("session.intra_op.allow_spinning", "0");
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
