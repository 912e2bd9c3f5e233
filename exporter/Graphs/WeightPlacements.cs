namespace Btx.Exporter;

/// <summary>The usual placements.</summary>
public static class WeightPlacements
{
    /// <summary>The zero-byte file that placeholders point into. ONNX Runtime wants it to exist although every weight is
    /// overridden.</summary>
    public const string PlaceholderFile = "weights.bin";

    /// <summary>Cosine and sine tables of the rotary embedding, shared by the graphs of one directory.</summary>
    public const string RotaryFile = "rotary.bin";

    /// <summary>No data: whoever opens the session binds each weight by its Hugging Face name
    /// (<c>SessionOptions.AddInitializer</c>).</summary>
    public static ExternalTensor Placeholder(string name, long bytes) => new(PlaceholderFile, 0, bytes);
}

/// <summary>Says where the data of weight <paramref name="name"/> lies, <paramref name="bytes"/> long.</summary>
public delegate ExternalTensor WeightPlacement(string name, long bytes);

/// <summary>Points ONNX external data at the tensors' places in safetensors files of one directory.</summary>
internal static class CheckpointPlacement
{
    public static WeightPlacement In(IReadOnlyList<SafetensorsFile> files) => (name, bytes) =>
    {
        var file = files.First(f => f.Tensors.ContainsKey(name));
        var info = file[name];
        if (info.Length != bytes)
            throw new ArgumentException($"{file.Path}: tensor {name} has {info.Length} bytes, the graph expects {bytes}", nameof(bytes));
        return new ExternalTensor(Path.GetFileName(file.Path), info.Offset, bytes);
    };
}

/// <summary>Where ONNX external data lies: a file beside the graph, a byte offset in it and a length in bytes.</summary>
public sealed record ExternalTensor(string Location, long Offset, long Length);

/// <summary>ONNX's numbers for element types (<c>TensorProto.DataType</c>).</summary>
internal static class ElementTypes
{
    public const int Float = 1;
    public const int UInt8 = 2;
    public const int Int32 = 6;
    public const int Int64 = 7;
    public const int Bool = 9;
    public const int Float16 = 10;
    public const int BFloat16 = 16;
}
