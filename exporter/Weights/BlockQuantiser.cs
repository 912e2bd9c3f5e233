namespace Btx.Exporter;

/// <summary>Rounds a weight to the blocks of <see cref="BlockLayout"/>. Codes are symmetric about 2^(bits−1); a block's scale is the one of
/// several candidates that loses least (sum of squares): in 4 bits the range that holds the largest value is not always the best.</summary>
internal static class BlockQuantiser
{
    // Of the range that just holds the block; clipping one outlier may serve the rest.
    private static readonly float[] Shares4 = [1, 0.95f, 0.9f, 0.85f, 0.8f], Shares8 = [1];

    /// <param name="weight">[outputs, inputs].</param>
    /// <param name="codes">Out, <see cref="BlockLayout.CodesShape"/>.</param>
    /// <param name="scales">Out, <see cref="BlockLayout.ScalesShape"/>.</param>
    public static unsafe void Quantise(BlockLayout layout, float[] weight, Span<byte> codes, float[] scales)
    {
        fixed (byte* start = codes)
        {
            var (first, length) = ((nint)start, codes.Length);
            Parallel.For(0, layout.Outputs, o => QuantiseRow(layout, o, weight, new Span<byte>((void*)first, length), scales));
        }
    }

    /// <returns>[outputs, inputs].</returns>
    public static float[] Dequantise(BlockLayout layout, ReadOnlySpan<byte> codes, ReadOnlySpan<float> scales)
    {
        var weight = new float[layout.Outputs * layout.Inputs];
        for (long i = 0; i < weight.Length; i++)
        {
            var (o, input) = Math.DivRem(i, layout.Inputs);
            var (b, place) = Math.DivRem(input, (long)BlockLayout.BlockSize);
            var block = (o * layout.Blocks) + b;
            var stored = codes[(int)((block * layout.BlockBytes) + (place * layout.Bits / 8))];
            var code = layout.Bits == 8 ? stored : place % 2 == 0 ? stored & 0x0F : stored >> 4;
            weight[i] = (code - (1 << (layout.Bits - 1))) * scales[(int)block];
        }

        return weight;
    }

    private static void QuantiseRow(BlockLayout layout, long o, float[] weight, Span<byte> codes, float[] scales)
    {
        for (long b = 0; b < layout.Blocks; b++)
        {
            var start = b * BlockLayout.BlockSize;
            var block = weight.AsSpan((int)((o * layout.Inputs) + start), (int)Math.Min(BlockLayout.BlockSize, layout.Inputs - start));
            var at = (o * layout.Blocks) + b;
            var scale = scales[at] = Scale(block, layout.Bits);
            var to = codes.Slice((int)(at * layout.BlockBytes), layout.BlockBytes);
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

        // The largest value becomes the code −2^(bits−1), of which there is no positive counterpart: its sign is the scale's.
        var full = -largest / (1 << (bits - 1));
        float best = full;
        var least = double.PositiveInfinity;
        foreach (var share in bits == 4 ? Shares4 : Shares8)
        {
            foreach (var sign in (ReadOnlySpan<float>)[1, -1])
            {
                var scale = full * share * sign;
                var loss = 0.0;
                foreach (var v in block)
                {
                    var error = v - ((Code(v, scale, bits) - (1 << (bits - 1))) * scale);
                    loss += error * error;
                }

                if (loss < least) (least, best) = (loss, scale);
            }
        }

        return best;
    }
}
