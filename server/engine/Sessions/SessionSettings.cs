using Microsoft.ML.OnnxRuntime;

namespace Btx.Engine.Sessions;

/// <summary>How sessions are made: device, threads, weights.</summary>
/// <param name="Precision">The served forest's, as its manifest names it.</param>
/// <param name="Prepack">Rearranges the weights for speed: a private copy and a slower start; else runs read the mapped file.</param>
internal sealed record SessionSettings(DeviceSpec Device, int IntraOpThreads, Spinning Spinning, string Precision, bool Prepack = true)
{
    private static readonly string[] MemoryWords = ["allocate memory", "out of memory", "bad_alloc", "bad allocation",
        "failed to allocate"];

    /// <summary>A session of one graph over given weights. Sessions that share a container share their prepacked weights.</summary>
    public InferenceSession Create(GraphFile graph, WeightSet weights, PrePackedWeightsContainer prepacked)
    {
        try
        {
            using var options = new SessionOptions
            {
                ExecutionMode = ExecutionMode.ORT_SEQUENTIAL,
                IntraOpNumThreads = IntraOpThreads,
                InterOpNumThreads = 1,
                EnableMemoryPattern = false,
                LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR,
            };
            options.AddSessionConfigEntry("session.intra_op.allow_spinning", Spinning == Spinning.Never ? "0" : "1");
            options.AddSessionConfigEntry("session.force_spinning_stop", Spinning == Spinning.Step ? "1" : "0");
            if (!Prepack) options.AddSessionConfigEntry("session.disable_prepacking", "1");
            foreach (var (key, value) in PlaceholderWeights.SessionEntries(Precision)) options.AddSessionConfigEntry(key, value);
            options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetDirectoryName(graph.Path)!);
            foreach (var (name, value) in weights.Tensors.Concat(graph.Rotary.Tensors)) options.AddInitializer(name, value);
            if (Device.IsCuda) options.AppendExecutionProvider_CUDA(Device.Index);
            return new InferenceSession(graph.Model, options, prepacked);
        }
        catch (OnnxRuntimeException e)
        {
            throw Failure(e, $"{graph.Path}: ONNX Runtime cannot load it on {Device}");
        }
    }

    /// <summary>A failure of the runtime, by its cause: a lack of memory is told from all else by its words alone.</summary>
    public static BtxException Failure(OnnxRuntimeException e, string what)
    {
        var memory = MemoryWords.Any(w => e.Message.Contains(w, StringComparison.OrdinalIgnoreCase));
        return new BtxException(memory ? ErrorKind.Exhausted : ErrorKind.Internal, $"{what}: {BtxException.OneLine(e.Message)}", e);
    }
}

internal static class DevicePrecision
{
    /// <returns>One clear line, or null if the device serves it.</returns>
    public static string? Problem(EngineOptions options, string precision, string what = "forest") =>
        (options.Device.IsCuda, precision == "fp16") switch
        {
            (true, false) => $"--device {options.Device}: attention on CUDA needs fp16, the {what} is {precision}; export with "
                + "--precision fp16",
            (false, true) when !options.ServesHalfOnCpu => $"--device {options.Device}: the {what} is fp16, which a CPU computes more "
                + "slowly than fp32; export with --precision int8 or fp32, or serve on CUDA",
            _ => null,
        };
}
