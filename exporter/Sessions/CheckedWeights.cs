using Btx.Model.Devices;
using Btx.Model.Serving;
using Google.Protobuf;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Btx.Exporter;

/// <summary>
/// Opens graphs on one model's weights for a check. On the CPU the mapped memory is bound to the placeholders of the published
/// graphs, exactly as the server does; on CUDA the runtime reads the same bytes from the weight files and takes them to the device.
/// </summary>
/// <param name="files">In one directory.</param>
/// <param name="names">The tensors to bind; null for all.</param>
internal sealed class CheckedWeights(
    LlamaConfig config, IReadOnlyList<SafetensorsFile> files, IReadOnlySet<string>? names, GraphSource source, GraphPrecision precision,
    DeviceSpec device) : IDisposable
{
    private readonly BoundWeights bound = new(files, names);

    /// <summary>A dense model.</summary>
    public CheckedWeights(Checkpoint checkpoint, GraphPrecision precision, DeviceSpec device)
        : this(checkpoint.Config, checkpoint.Files, checkpoint.Config.TensorShapes().Select(t => t.Name).ToHashSet(),
            (form, weights) => LlamaGraph.Build(checkpoint.Config, form, precision, weights), precision, device)
    {
    }

    /// <summary>A dense model whose weights are in blocks.</summary>
    /// <param name="file">With the tensors of <see cref="StoredTensor.OfBlocks"/>.</param>
    public CheckedWeights(LlamaConfig config, SafetensorsFile file, GraphPrecision precision)
        : this(config, [file], null, (form, weights) => LlamaGraph.Build(config, form, precision, weights), precision, DeviceSpec.Cpu)
    {
    }

    public InferenceSession Open(string graphDirectory, GraphForm form, int threads, int? expertsPerToken = null) =>
        device.IsCuda ? OpenOnFiles(form, threads) : OpenOnMemory(graphDirectory, form, threads, expertsPerToken);

    /// <summary>The published graph over mapped memory.</summary>
    public InferenceSession OpenOnMemory(string graphDirectory, GraphForm form, int threads, int? expertsPerToken = null)
    {
        using var options = DeviceSessions.Options(device, threads);
        bound.AddTo(options);
        foreach (var (key, value) in PlaceholderWeights.SessionEntries(precision.Name())) options.AddSessionConfigEntry(key, value);
        // Loads at once and shares the file's pages; the repacked layout is of use only to a server.
        if (precision == GraphPrecision.Fp32) options.AddSessionConfigEntry("session.disable_prepacking", "1");
        return new InferenceSession(Path.Combine(graphDirectory, GraphFolder.FileName(form, expertsPerToken)), options);
    }

    /// <summary>The same graph built again, its weights at their places in the safetensors files.</summary>
    public InferenceSession OpenOnFiles(GraphForm form, int threads)
    {
        using var options = DeviceSessions.Options(device, threads);
        options.AddSessionConfigEntry("session.model_external_initializers_file_folder_path", Path.GetDirectoryName(files[0].Path)!);
        var model = source(form, CheckpointPlacement.In(files));
        RotaryTable.Embed(model, config, precision);
        return new InferenceSession(model.ToByteArray(), options);
    }

    public void Dispose() => bound.Dispose();
}

/// <summary>Tensors of safetensors files as ONNX Runtime values over the mapped memory: no copy. Lives as long as the sessions that use it,
/// and the files as long as this.</summary>
internal sealed unsafe class BoundWeights : IDisposable
{
    private readonly List<(string Name, OrtValue Value)> values = [];

    /// <param name="names">Those to bind; null for all.</param>
    public BoundWeights(IEnumerable<SafetensorsFile> files, IReadOnlySet<string>? names = null)
    {
        foreach (var file in files)
            foreach (var info in file.Tensors.Values.Where(t => names?.Contains(t.Name) ?? true))
                values.Add((info.Name, OrtValue.CreateTensorValueWithData(OrtMemoryInfo.DefaultInstance, ElementType(info.Dtype),
                    [.. info.Shape], (nint)file.Pointer(info), info.Length)));
    }

    public static TensorElementType ElementType(TensorDtype dtype) => dtype switch
    {
        TensorDtype.F16 => TensorElementType.Float16,
        TensorDtype.BF16 => TensorElementType.BFloat16,
        TensorDtype.U8 => TensorElementType.UInt8,
        _ => TensorElementType.Float,
    };

    public void AddTo(SessionOptions options)
    {
        foreach (var (name, value) in values) options.AddInitializer(name, value);
    }

    public void Dispose()
    {
        foreach (var (_, value) in values) value.Dispose();
    }
}
