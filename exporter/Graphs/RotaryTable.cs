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

    /// <summary>Bytes of one of the two tables.</summary>
    public static long Bytes(LlamaConfig config, bool half) => (long)config.MaxPositionEmbeddings * (config.HeadDim / 2) * (half ? 2 : 4);

    /// <summary>Writes both tables, cosine first, in the graph's element type.</summary>
    public static void Write(string path, LlamaConfig config, GraphPrecision precision) => AtomicFile.Write(path, stream =>
    {
        foreach (var table in Tables(config, precision)) stream.Write(table);
    });

    /// <summary>Puts the tables into a graph that has no file beside it.</summary>
    public static void Embed(ModelProto model, LlamaConfig config, GraphPrecision precision)
    {
        var tables = Tables(config, precision).ToArray();
        foreach (var (name, table) in new[] { (Cosine, tables[0]), (Sine, tables[1]) })
        {
            var tensor = model.Graph.Initializer.Single(t => t.Name == name);
            tensor.ExternalData.Clear();
            tensor.DataLocation = TensorProto.Types.DataLocation.Default;
            tensor.RawData = ByteString.CopyFrom(table);
        }
    }

    private static IEnumerable<byte[]> Tables(LlamaConfig config, GraphPrecision precision)
    {
        var frequencies = config.RotaryInverseFrequencies();
        foreach (var function in new Func<double, double>[] { Math.Cos, Math.Sin })
        {
            var values = new float[config.MaxPositionEmbeddings * frequencies.Length];
            for (var i = 0; i < values.Length; i++) values[i] = (float)function(i / frequencies.Length * frequencies[i % frequencies.Length]);
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
