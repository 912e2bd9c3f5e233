using Btx.Model.Serving;

namespace Btx.Exporter.Graphs;

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

    /// <summary>fp32, but the experts of a mixture in 8 bits, see <see cref="Weights.BlockQuantiser"/>.</summary>
    Int8,

    /// <summary>fp32, but the experts of a mixture in 4 bits.</summary>
    Int4,
}
