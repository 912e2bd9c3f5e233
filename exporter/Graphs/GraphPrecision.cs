namespace Btx.Exporter.Graphs;

/// <summary>Element type of weights, activations and KV cache in a graph. Logits are fp32 in either.</summary>
public enum GraphPrecision
{
    Fp32,
    Fp16,
}
