using System.Runtime.Intrinsics;
using Btx.Model.Configuration;

namespace Btx.Model.Tensors;

/// <summary>How <c>com.microsoft.MatMulNBits</c> stores a weight [outputs, inputs]: each row in blocks of 128 inputs, the last one filled
/// up, w = (code − 2^(bits−1)) · scale with one scale a block. Two 4-bit codes share a byte, the lower half first.</summary>
public readonly record struct BlockLayout(long Outputs, long Inputs, int Bits)
{
    public const int BlockSize = 128;

    public long Blocks => (Inputs + BlockSize - 1) / BlockSize;

    public int BlockBytes => BlockSize * Bits / 8;

    /// <summary>uint8.</summary>
    public long[] CodesShape => [Outputs, Blocks, BlockBytes];

    public long CodesBytes => Outputs * Blocks * BlockBytes;

    /// <summary>fp32.</summary>
    public long[] ScalesShape => [Outputs, Blocks];

    public static string Codes(string weight) => weight + ".codes";

    public static string Scales(string weight) => weight + ".scales";

    /// <summary>Bits of a weight that is stored so; null: the precision has no blocks.</summary>
    /// <param name="precision">As manifests name it.</param>
    public static int? BitsOf(string precision) => precision switch { "int8" => 8, "int4" => 4, _ => null };
}

/// <summary>A weight of a dense model that is stored in blocks: what reads the same input is one product, its rows in a row.</summary>
/// <param name="Sources">The checkpoint's tensors that it is made of, and how many rows each has.</param>
public sealed record BlockWeight(string Name, IReadOnlyList<(string Tensor, long Rows)> Sources, BlockLayout Layout)
{
    private const string Embedding = "model.embed_tokens.weight", Head = "lm_head.weight";

    /// <summary>Of a layer, behind <c>model.layers.L.</c>.</summary>
    public const string QueryKeyValue = "self_attn.qkv_proj.weight", GateUp = "mlp.gate_up_proj.weight";

    /// <summary>All matrices but the embedding, which is looked up. A tied output layer is stored for itself.</summary>
    public static IEnumerable<BlockWeight> Of(LlamaConfig config, int bits)
    {
        var shapes = config.TensorShapes().ToDictionary(t => t.Name, t => t.Shape);
        BlockWeight Made(string name, params string[] sources) => new(name, [.. sources.Select(s => (s, shapes[s][0]))],
            new(sources.Sum(s => shapes[s][0]), shapes[sources[0]][1], bits));
        for (var l = 0; l < config.NumHiddenLayers; l++)
        {
            var (layer, attention) = ($"model.layers.{l}.", $"model.layers.{l}.self_attn.");
            yield return Made(layer + QueryKeyValue, attention + "q_proj.weight", attention + "k_proj.weight", attention + "v_proj.weight");
            yield return Made(attention + "o_proj.weight", attention + "o_proj.weight");
            yield return Made(layer + GateUp, layer + "mlp.gate_proj.weight", layer + "mlp.up_proj.weight");
            yield return Made(layer + "mlp.down_proj.weight", layer + "mlp.down_proj.weight");
        }

        yield return Made(Head, config.TieWordEmbeddings ? Embedding : Head);
    }

    /// <summary>The other weights of a dense model, which stay fp32.</summary>
    public static IEnumerable<(string Name, long[] Shape)> Whole(LlamaConfig config) =>
        config.TensorShapes().Where(t => t.Shape.Length != 2 || t.Name == Embedding);

    /// <param name="read">Gives a tensor's values.</param>
    public TensorReader Reader(Func<string, TensorReader> read)
    {
        var parts = Sources.Select(s => (Read: read(s.Tensor), Count: s.Rows * Layout.Inputs)).ToArray();
        return (first, values) =>
        {
            foreach (var (part, count) in parts)
            {
                var n = (int)Math.Clamp(count - first, 0, values.Length);
                if (n > 0) part(first, values[..n]);
                values = values[n..];
                first = Math.Max(0, first - count);
            }
        };
    }
}

/// <summary>Rounds a weight to the blocks of <see cref="BlockLayout"/>. Codes are symmetric about 2^(bits−1); a block's scale is the one of
/// several candidates that loses least (sum of squares): in 4 bits the range that holds the largest value is not always the best. The same
/// on every machine.</summary>
public static unsafe class BlockQuantiser
{
    // Values that are read at a time, unless a row is longer: an array of 85 kB or more that lives briefly calls for full collections.
    private const long Scratch = 1 << 14;

    // Of the range that just holds the block; clipping one outlier may serve the rest.
    private static readonly float[] Shares4 = [1, 0.95f, 0.9f, 0.85f, 0.8f], Shares8 = [1];

    /// <param name="read">Gives the weight's values [outputs · inputs] as fp32, from an element on.</param>
    /// <param name="codes">Out, <see cref="BlockLayout.CodesShape"/>.</param>
    /// <param name="scales">Out, <see cref="BlockLayout.ScalesShape"/>.</param>
    public static void Quantise(BlockLayout layout, TensorReader read, byte* codes, float* scales)
    {
        var (inputs, most) = (checked((int)layout.Inputs), Math.Clamp(Scratch / layout.Inputs, 1, layout.Outputs));
        var values = new float[most * inputs];
        for (long first = 0; first < layout.Outputs; first += most)
        {
            var rows = (int)Math.Min(most, layout.Outputs - first);
            read(first * inputs, values.AsSpan(0, rows * inputs));
            for (var r = 0; r < rows; r++)
            {
                var block = (first + r) * layout.Blocks;
                QuantiseRow(layout, values.AsSpan(r * inputs, inputs), codes + (block * layout.BlockBytes), scales + block);
            }
        }
    }

    /// <returns>[outputs, inputs].</returns>
    public static float[] Dequantise(BlockLayout layout, byte* codes, float* scales)
    {
        var weight = new float[layout.Outputs * layout.Inputs];
        for (long i = 0; i < weight.Length; i++)
        {
            var (o, input) = Math.DivRem(i, layout.Inputs);
            var (b, place) = Math.DivRem(input, (long)BlockLayout.BlockSize);
            var block = (o * layout.Blocks) + b;
            var stored = codes[(block * layout.BlockBytes) + (place * layout.Bits / 8)];
            var code = layout.Bits == 8 ? stored : place % 2 == 0 ? stored & 0x0F : stored >> 4;
            weight[i] = (code - (1 << (layout.Bits - 1))) * scales[block];
        }

        return weight;
    }

    private static void QuantiseRow(BlockLayout layout, ReadOnlySpan<float> row, byte* codes, float* scales)
    {
        for (var b = 0; b < layout.Blocks; b++)
        {
            var start = b * BlockLayout.BlockSize;
            var block = row[start..Math.Min(start + BlockLayout.BlockSize, row.Length)];
            var scale = scales[b] = Scale(block, layout.Bits);
            var to = new Span<byte>(codes + ((long)b * layout.BlockBytes), layout.BlockBytes);
            to.Fill(layout.Bits == 4 ? (byte)0x88 : (byte)0x80);
            for (var i = 0; i < block.Length; i++)
            {
                var code = Code(block[i], scale, layout.Bits);
                if (layout.Bits == 8) to[i] = (byte)code;
                else to[i / 2] = (byte)(i % 2 == 0 ? (to[i / 2] & 0xF0) | code : (to[i / 2] & 0x0F) | (code << 4));
            }
        }
    }

    private static int Code(float value, float scale, int bits)
    {
        if (scale == 0) return 1 << (bits - 1);
        var half = 1 << (bits - 1);
        return (int)Math.Clamp(MathF.Round(value / scale), -half, half - 1) + half;
    }

    private static float Scale(ReadOnlySpan<float> block, int bits)
    {
        var largest = 0f;
        foreach (var v in block)
            if (Math.Abs(v) > Math.Abs(largest)) largest = v;
        if (largest == 0) return 0;

        // The largest value becomes the code −2^(bits−1), of which there is no positive counterpart: its sign is the scale's.
        var full = -largest / (1 << (bits - 1));
        var (best, least) = (full, double.PositiveInfinity);
        foreach (var share in bits == 4 ? Shares4 : Shares8)
        {
            foreach (var sign in (ReadOnlySpan<float>)[1, -1])
            {
                var scale = full * share * sign;
                if (Loss(block, scale, bits) is var loss && loss < least) (least, best) = (loss, scale);
            }
        }

        return best;
    }

    // Vectors of one width, so that sums are made in one order wherever they are made.
    private static double Loss(ReadOnlySpan<float> block, float scale, int bits)
    {
        var half = 1 << (bits - 1);
        var (step, low, high) = (Vector256.Create(scale), Vector256.Create((float)-half), Vector256.Create((float)(half - 1)));
        var sum = Vector256<float>.Zero;
        var i = 0;
        for (; i <= block.Length - Vector256<float>.Count; i += Vector256<float>.Count)
        {
            var v = Vector256.Create(block[i..]);
            var error = v - (Vector256.Clamp(Vector256.Round(v / step), low, high) * step);
            sum += error * error;
        }

        var loss = (double)Vector256.Sum(sum);
        for (; i < block.Length; i++)
        {
            var error = block[i] - ((Code(block[i], scale, bits) - half) * scale);
            loss += error * error;
        }

        return loss;
    }
}

/// <summary>Reads a tensor's values as fp32 from element <paramref name="first"/> on, as many as there is room for.</summary>
public delegate void TensorReader(long first, Span<float> values);
