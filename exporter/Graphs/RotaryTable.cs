using Btx.Model;
using Btx.Model.Configuration;
using Btx.Model.Files;
using Btx.Model.Tensors;
using Google.Protobuf;
using Onnx;

namespace Btx.Exporter.Graphs;

/// <summary>The tables of <see cref="RotaryEmbedding"/> beside a graph or in it.</summary>
internal static class RotaryTable
{
    /// <summary>Writes both tables, cosine first, in the graph's element type.</summary>
    public static void Write(string path, LlamaConfig config, GraphPrecision precision) => AtomicFile.Write(path, stream =>
    {
        foreach (var (_, parts) in RotaryEmbedding.Tables(config, precision.Dtype()))
            foreach (var part in parts) stream.Write(part);
    });

    /// <summary>Puts the tables into a graph that has no file beside it.</summary>
    public static void Embed(ModelProto model, LlamaConfig config, GraphPrecision precision)
    {
        if (2 * RotaryEmbedding.Bytes(config, precision.Dtype()) > int.MaxValue)
            throw new BtxException($"max_position_embeddings is {config.MaxPositionEmbeddings}: its rotary tables are larger than a "
                + "graph may be (2 GB); lower it in config.json");
        foreach (var (name, parts) in RotaryEmbedding.Tables(config, precision.Dtype()))
        {
            var tensor = model.Graph.Initializer.Single(t => t.Name == name);
            tensor.ExternalData.Clear();
            tensor.DataLocation = TensorProto.Types.DataLocation.Default;
            tensor.RawData = ByteString.CopyFrom([.. parts.SelectMany(part => part)]);
        }
    }
}
