namespace Btx.Exporter.Graphs;

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
