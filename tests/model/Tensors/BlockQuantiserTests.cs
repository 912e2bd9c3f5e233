using Btx.Model.Tensors;

namespace Btx.Model.Tests.Tensors;

public sealed class BlockQuantiserTests
{
    public static TheoryData<int, int, int> Shapes =>
        new() { { 4, 3, 256 }, { 4, 5, 300 }, { 4, 2, 16 }, { 8, 3, 256 }, { 8, 5, 129 }, { 8, 1, 1 } };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_weight_comes_back_within_a_step_and_most_within_half(int bits, int outputs, int inputs)
    {
        var (layout, weight) = (new BlockLayout(outputs, inputs, bits), Random(outputs * inputs));
        var (back, scales) = RoundTrip(layout, weight);
        var far = 0;
        for (var i = 0; i < weight.Length; i++)
        {
            var step = Math.Abs(scales[(int)((i / inputs * layout.Blocks) + (i % inputs / BlockLayout.BlockSize))]);
            if (Math.Abs(weight[i] - back[i]) > 0.5001f * step) far++; // clipped
            Assert.True(Math.Abs(weight[i] - back[i]) <= 2.01f * step, $"weight {i}: {weight[i]} became {back[i]}, step {step}");
        }

        Assert.InRange(far, 0, weight.Length / 20);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Multiples_of_a_step_come_back_exactly(int bits)
    {
        var half = 1 << (bits - 1);
        // Every block holds the lowest code, so its range is known.
        float[] weight = [.. Enumerable.Range(0, 256).Select(i => ((i * Math.Max(1, half / 64) % (2 * half)) - half) * 0.25f)];
        Assert.Equal(weight, RoundTrip(new BlockLayout(1, 256, bits), weight).Back);
        float[] mirrored = [.. weight.Select(w => -w)];
        Assert.Equal(mirrored, RoundTrip(new BlockLayout(1, 256, bits), mirrored).Back);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    public void Zeros_stay_zeros(int bits) => Assert.Equal(new float[260], RoundTrip(new BlockLayout(2, 130, bits), new float[260]).Back);

    [Fact]
    public void Error_falls_with_the_bits()
    {
        var weight = Random(128 * 64);
        double Error(int bits) => RoundTrip(new BlockLayout(64, 128, bits), weight).Back.Zip(weight, (a, b) => (a - b) * (double)(a - b))
            .Sum() / weight.Sum(w => (double)w * w);
        Assert.InRange(Error(4), 1e-3, 1e-2);
        Assert.InRange(Error(8), 1e-6, 1e-4);
    }

    /// <summary>What fills up a row's last block has to be nothing: the operator multiplies it too.</summary>
    [Fact]
    public void The_rest_of_a_last_block_is_zero()
    {
        foreach (var bits in new[] { 4, 8 })
        {
            var layout = new BlockLayout(1, 10, bits);
            var codes = new byte[layout.BlockBytes];
            Quantise(layout, Random(10), codes, new float[1]);
            Assert.All(codes[(10 * bits / 8)..], c => Assert.Equal(bits == 4 ? 0x88 : 0x80, c));
        }
    }

    private static unsafe (float[] Back, float[] Scales) RoundTrip(BlockLayout layout, float[] weight)
    {
        var (codes, scales) = (new byte[layout.Outputs * layout.Blocks * layout.BlockBytes], new float[layout.Outputs * layout.Blocks]);
        Quantise(layout, weight, codes, scales);
        fixed (byte* c = codes)
        fixed (float* s = scales)
            return (BlockQuantiser.Dequantise(layout, c, s), scales);
    }

    private static unsafe void Quantise(BlockLayout layout, float[] weight, byte[] codes, float[] scales)
    {
        fixed (byte* c = codes)
        fixed (float* s = scales)
            BlockQuantiser.Quantise(layout, (first, to) => weight.AsSpan((int)first, to.Length).CopyTo(to), c, s);
    }

    // Sums of uniform numbers: near enough to what weights look like.
    private static float[] Random(int count)
    {
        var random = new Random(5);
        return [.. Enumerable.Range(0, count).Select(_ => (float)(Enumerable.Range(0, 6).Sum(_ => random.NextDouble()) - 3))];
    }
}
