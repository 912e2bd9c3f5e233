using Btx.Model.Configuration;

namespace Btx.Model.Tensors;

/// <summary>Cosine and sine of the rotary embedding, each [max_position_embeddings, head_dim / 2], from
/// <see cref="LlamaConfig.RotaryInverseFrequencies"/>, so every kind of rope scaling is in the table and none in the graph.</summary>
public static class RotaryEmbedding
{
    /// <summary>Names of the two in every graph.</summary>
    public const string Cosine = "cos_cache", Sine = "sin_cache";

    private const int Rows = 4096; // of a part

    /// <summary>Bytes of one of the two tables.</summary>
    public static long Bytes(LlamaConfig config, TensorDtype dtype) =>
        (long)config.MaxPositionEmbeddings * (config.HeadDim / 2) * dtype.Size();

    /// <summary>Both tables, cosine first, each in parts of some rows: a table of a long context is larger than an array may be.</summary>
    public static IEnumerable<(string Name, IEnumerable<byte[]> Parts)> Tables(LlamaConfig config, TensorDtype dtype) =>
        [(Cosine, Parts(Math.Cos, config, dtype)), (Sine, Parts(Math.Sin, config, dtype))];

    private static IEnumerable<byte[]> Parts(Func<double, double> function, LlamaConfig config, TensorDtype dtype)
    {
        var frequencies = config.RotaryInverseFrequencies();
        for (var first = 0; first < config.MaxPositionEmbeddings; first += Rows)
        {
            var values = new float[Math.Min(Rows, config.MaxPositionEmbeddings - first) * frequencies.Length];
            for (var i = 0; i < values.Length; i++)
                values[i] = (float)function((first + (i / frequencies.Length)) * frequencies[i % frequencies.Length]);
            var bytes = new byte[values.Length * dtype.Size()];
            TensorDtypes.FromSingle(values, dtype, bytes);
            yield return bytes;
        }
    }
}
