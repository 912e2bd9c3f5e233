namespace Btx.Exporter.Graphs;

/// <summary>The usual placements.</summary>
public static class WeightPlacements
{
    /// <summary>The zero-byte file that placeholders point into. ONNX Runtime wants it to exist
    /// although every weight is overridden.</summary>
    public const string PlaceholderFile = "weights.bin";

    /// <summary>Cosine and sine tables of the rotary embedding, shared by the graphs of one directory.</summary>
    public const string RotaryFile = "rotary.bin";

    /// <summary>No data: whoever opens the session binds each weight by its Hugging Face name
    /// (<c>SessionOptions.AddInitializer</c>).</summary>
    public static ExternalTensor Placeholder(string name, long bytes) => new(PlaceholderFile, 0, bytes);
}
