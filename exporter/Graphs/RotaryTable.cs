using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;
using Google.Protobuf;
using Onnx;

namespace Btx.Exporter.Graphs;

/// <summary>
/// Cosine and sine of the rotary embedding, each [max_position_embeddings, head_dim / 2], from
/// <see cref="LlamaConfig.RotaryInverseFrequencies"/>, so every kind of rope scaling is in the table and none in the graph.
/// </summary>
internal static class RotaryTable
{
    public const string Cosine = "cos_cache", Sine = "sin_cache";

    private const int Rows = 4096; // of a part

    private static readonly Func<double, double>[] Functions = [Math.Cos, Math.Sin];

    /// <summary>Bytes of one of the two tables.</summary>
    public static long Bytes(LlamaConfig config, bool half) => (long)config.MaxPositionEmbeddings * (config.HeadDim / 2) * (half ? 2 : 4);

    /// <summary>Writes both tables, cosine first, in the graph's element type.</summary>
    public static void Write(string path, LlamaConfig config, GraphPrecision precision) => AtomicFile.Write(path, stream =>
    {
        foreach (var function in Functions)
        {
            foreach (var part in Table(function, config, precision)) stream.Write(part);
        }
    });

    /// <summary>Puts the tables into a graph that has no file beside it.</summary>
    public static void Embed(ModelProto model, LlamaConfig config, GraphPrecision precision)
    {
        if (2 * Bytes(config, precision.Dtype().Size() == 2) > int.MaxValue)
            throw new BtxException($"max_position_embeddings is {config.MaxPositionEmbeddings}: its rotary tables are larger than a graph may be (2 GB); lower it in config.json");
        foreach (var (name, function) in new[] { (Cosine, Functions[0]), (Sine, Functions[1]) })
        {
            var tensor = model.Graph.Initializer.Single(t => t.Name == name);
            tensor.ExternalData.Clear();
            tensor.DataLocation = TensorProto.Types.DataLocation.Default;
            tensor.RawData = ByteString.CopyFrom([.. Table(function, config, precision).SelectMany(part => part)]);
        }
    }

    // In parts of some rows: a table of a long context is larger than an array may be.
    private static IEnumerable<byte[]> Table(Func<double, double> function, LlamaConfig config, GraphPrecision precision)
    {
        var frequencies = config.RotaryInverseFrequencies();
        for (var first = 0; first < config.MaxPositionEmbeddings; first += Rows)
        {
            var values = new float[Math.Min(Rows, config.MaxPositionEmbeddings - first) * frequencies.Length];
            for (var i = 0; i < values.Length; i++) values[i] = (float)function((first + (i / frequencies.Length)) * frequencies[i % frequencies.Length]);
            yield return Narrow(values, precision.Dtype());
        }
    }

    private static unsafe byte[] Narrow(float[] values, TensorDtype dtype)
    {
        var bytes = new byte[values.Length * dtype.Size()];
        fixed (byte* start = bytes) TensorDtypes.FromSingle(values, dtype, start);
        return bytes;
    }
}
