using Btx.Model;
using Btx.Model.Tensors;

namespace Btx.Exporter.Graphs;

/// <summary>Names and dtypes of <see cref="GraphPrecision"/>.</summary>
public static class GraphPrecisions
{
    /// <exception cref="BtxException">The text is neither <c>fp32</c> nor <c>fp16</c>.</exception>
    public static GraphPrecision Parse(string text) => text switch
    {
        "fp32" => GraphPrecision.Fp32,
        "fp16" => GraphPrecision.Fp16,
        _ => throw new BtxException($"--precision {text}: unknown precision; use fp32 or fp16"),
    };

    public static string Name(this GraphPrecision precision) => precision == GraphPrecision.Fp16 ? "fp16" : "fp32";

    /// <summary>The dtype that stored weights need so that they can be bound without conversion.</summary>
    public static TensorDtype Dtype(this GraphPrecision precision) => precision == GraphPrecision.Fp16 ? TensorDtype.F16 : TensorDtype.F32;

    /// <summary>Largest |graph − reference| / max|reference| of the logits that an export may show.</summary>
    public static double Tolerance(this GraphPrecision precision) => precision == GraphPrecision.Fp16 ? 1e-2 : 1e-4;
}
