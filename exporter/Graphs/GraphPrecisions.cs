using Btx.Model;
using Btx.Model.Tensors;

namespace Btx.Exporter.Graphs;

/// <summary>Names and dtypes of <see cref="GraphPrecision"/>.</summary>
public static class GraphPrecisions
{
    /// <exception cref="BtxException">The text is no precision.</exception>
    public static GraphPrecision Parse(string text) => text switch
    {
        "fp32" => GraphPrecision.Fp32,
        "fp16" => GraphPrecision.Fp16,
        "int8" => GraphPrecision.Int8,
        "int4" => GraphPrecision.Int4,
        _ => throw new BtxException($"--precision {text}: unknown precision; use fp32 or fp16, or for a BTX model int8 or int4"),
    };

    public static string Name(this GraphPrecision precision) => precision switch
    {
        GraphPrecision.Fp16 => "fp16",
        GraphPrecision.Bf16 => "bf16",
        GraphPrecision.Int8 => "int8",
        GraphPrecision.Int4 => "int4",
        _ => "fp32",
    };

    /// <summary>The dtype that stored weights need so that they can be bound without conversion; with blocks, that of the rest.</summary>
    public static TensorDtype Dtype(this GraphPrecision precision) => precision switch
    {
        GraphPrecision.Fp16 => TensorDtype.F16,
        GraphPrecision.Bf16 => TensorDtype.BF16,
        _ => TensorDtype.F32,
    };

    /// <summary>Bits of a weight where the experts are stored in blocks; null otherwise.</summary>
    public static int? BlockBits(this GraphPrecision precision) => precision switch
    {
        GraphPrecision.Int8 => 8,
        GraphPrecision.Int4 => 4,
        _ => null,
    };

    /// <summary>
    /// Largest |graph − reference| / max|reference| of the logits that an export may show. With blocks the reference reads the same
    /// dequantised weights; what remains is the rounding of activations to 8 bits inside the products.
    /// </summary>
    public static double Tolerance(this GraphPrecision precision) => precision switch
    {
        GraphPrecision.Fp32 => 1e-4,
        GraphPrecision.Fp16 => 1e-2,
        GraphPrecision.Bf16 => 8e-2,
        _ => 5e-2,
    };
}
