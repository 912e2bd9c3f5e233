using Btx.Model.Configuration;

namespace Btx.Model.Tensors;

/// <summary>
/// Cosine and sine of the rotary embedding, each [max_position_embeddings, head_dim / 2], from
/// <see cref="LlamaConfig.RotaryInverseFrequencies"/>,
/// so every kind of rope scaling is in the table and none in the graph.
/// </summary>
public static class RotaryEmbedding
{
    /// <summary>Names of the two in every graph.</summary>
    public const string Cosine = "cos_cache", Sine = "sin_cache";

    /// <summary>Bytes of one of the two tables.</summary>
    public static long Bytes(LlamaConfig config, TensorDtype dtype) =>
        (long)config.MaxPositionEmbeddings * (config.HeadDim / 2) * dtype.Size();

    /// <summary>Both tables, cosine first.</summary>
    public static IEnumerable<(string Name, byte[] Table)> Tables(LlamaConfig config, TensorDtype dtype)
    {
        var frequencies = config.RotaryInverseFrequencies();
        foreach (var (name, function) in new (string, Func<double, double>)[] { (Cosine, Math.Cos), (Sine, Math.Sin) })
        {
            var values = new float[config.MaxPositionEmbeddings * frequencies.Length];
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)function(i / frequencies.Length * frequencies[i % frequencies.Length]);
            yield return (name, Narrow(values, dtype));
        }
    }

    private static unsafe byte[] Narrow(float[] values, TensorDtype dtype)
    {
        var bytes = new byte[values.Length * dtype.Size()];
        fixed (byte* start = bytes) TensorDtypes.FromSingle(values, dtype, start);
        return bytes;
    }
}
