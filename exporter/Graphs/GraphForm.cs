using System.Security.Cryptography;
using Btx.Model.Files;
using Btx.Model.Serving;
using Google.Protobuf;
using Onnx;

namespace Btx.Exporter;

/// <summary>How a graph takes its tokens: which inputs it has and how attention is laid out over the KV slots.</summary>
/// <param name="Rows">Sequences of a ragged form; 0 otherwise (any number).</param>
public sealed record GraphForm(string Name, int Rows)
{
    public const string GenAIName = "genai";

    /// <summary>Row counts for which a ragged graph is written; a run with fewer rows pads with a scratch slot.</summary>
    public static IReadOnlyList<int> RaggedRows { get; } = [1, 2, 4, 8, 16];

    /// <summary>One new token on each of B rows that lie side by side in the KV buffers.</summary>
    public static GraphForm Decode { get; } = new(ServedGraph.Decode, 0);

    /// <summary>The input and output names that ONNX Runtime GenAI expects of a decoder.</summary>
    public static GraphForm GenAI { get; } = new(GenAIName, 0);

    /// <summary>Any number of new tokens (at least one) on each of <paramref name="rows"/> slots, flattened into one row.</summary>
    public static GraphForm Ragged(int rows) => new(ServedGraph.Ragged, rows);

    /// <summary>The forms of a served forest, in the order of their files.</summary>
    public static IEnumerable<GraphForm> Served => RaggedRows.Select(Ragged).Prepend(Decode);

    public string FileName => Rows > 0 ? $"{Name}-{Rows}.onnx" : $"{Name}.onnx";
}

/// <summary>Element type of weights, activations and KV cache in a graph. Logits are fp32 in each.</summary>
public enum GraphPrecision
{
    Fp32,
    Fp16,

    /// <summary>On a GPU alone; no server reads it yet, it is there to be measured.</summary>
    Bf16,

    /// <summary>fp32, but the products of a dense model, or the experts of a BTX model, in 8 bits, see
    /// <see cref="BlockQuantiser"/>.</summary>
    Int8,

    /// <summary>The same in 4 bits.</summary>
    Int4,
}

/// <summary>Writes the graphs of every served form, the tables they share, and the file that placeholders point into.</summary>
internal static class GraphFolder
{
    public const string Name = "graphs";

    /// <param name="building">The served directory; the files go into <see cref="Name"/> in it.</param>
    /// <param name="expertsPerToken">k where it is built into the graphs.</param>
    public static List<ServedGraph> Write(string building, LlamaConfig config, GraphPrecision precision, GraphSource source,
        int? expertsPerToken = null)
    {
        var directory = Path.Combine(building, Name);
        Directory.CreateDirectory(directory);
        RotaryTable.Write(Path.Combine(directory, WeightPlacements.RotaryFile), config, precision);
        File.WriteAllBytes(Path.Combine(directory, WeightPlacements.PlaceholderFile), []);
        var graphs = new List<ServedGraph>();
        foreach (var form in GraphForm.Served)
        {
            var bytes = source(form, WeightPlacements.Placeholder).ToByteArray();
            var file = FileName(form, expertsPerToken);
            AtomicFile.Write(Path.Combine(directory, file), stream => stream.Write(bytes));
            graphs.Add(new ServedGraph(form.Name, form.Rows, $"{Name}/{file}", Convert.ToHexStringLower(SHA256.HashData(bytes)),
                expertsPerToken));
        }

        return graphs;
    }

    public static string FileName(GraphForm form, int? expertsPerToken) =>
        expertsPerToken is { } k ? $"{Path.GetFileNameWithoutExtension(form.FileName)}-k{k}.onnx" : form.FileName;
}

/// <summary>What is known of each <see cref="GraphPrecision"/>.</summary>
public static class GraphPrecisions
{
    private static readonly (string Name, TensorDtype Dtype, double Tolerance)[] All = // in the enum's order
    [
        ("fp32", TensorDtype.F32, 1e-4), ("fp16", TensorDtype.F16, 1e-2), ("bf16", TensorDtype.BF16, 8e-2),
        ("int8", TensorDtype.F32, 5e-2), ("int4", TensorDtype.F32, 5e-2),
    ];

    /// <summary>A precision that a server reads.</summary>
    public static GraphPrecision Parse(string text) =>
        Array.FindIndex(All, p => p.Name == text) is >= 0 and var i && (GraphPrecision)i != GraphPrecision.Bf16 ? (GraphPrecision)i
        : throw new BtxException($"--precision {text}: unknown precision; use fp32, fp16, int8 or int4");

    public static string Name(this GraphPrecision precision) => All[(int)precision].Name;

    /// <summary>The dtype that stored weights need so that they can be bound without conversion; with blocks, that of the rest.</summary>
    public static TensorDtype Dtype(this GraphPrecision precision) => All[(int)precision].Dtype;

    /// <inheritdoc cref="BlockLayout.BitsOf"/>
    public static int? BlockBits(this GraphPrecision precision) => BlockLayout.BitsOf(precision.Name());

    /// <summary>Largest |graph − reference| / max|reference| of the logits that an export may show. With blocks the reference reads the
    /// same dequantised weights; what remains is the rounding of activations to 8 bits inside the products.</summary>
    public static double Tolerance(this GraphPrecision precision) => All[(int)precision].Tolerance;

    /// <exception cref="BtxException">The difference is above the <see cref="Tolerance"/>, or no number.</exception>
    internal static void RequireTolerable(this GraphPrecision precision, double difference, string whose)
    {
        if (difference <= precision.Tolerance()) return;
        throw new BtxException($"{whose}: logits of the {precision.Name()} graph differ from the reference by {difference:0.00E+0} of the "
            + $"largest logit, more than {precision.Tolerance():0E+0}; not published");
    }
}

/// <summary>Builds a model's graph of one form.</summary>
internal delegate ModelProto GraphSource(GraphForm form, WeightPlacement weights);

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
