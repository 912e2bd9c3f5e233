using Btx.Model.Tensors;

namespace Btx.Model.Tests.Tensors;

public sealed unsafe class TensorDtypesTests
{
    private static float Widen(TensorDtype dtype, ushort bits)
    {
        var value = new float[1];
        TensorDtypes.ToSingle(dtype, (byte*)&bits, value);
        return value[0];
    }

    private static ushort Narrow(TensorDtype dtype, float value)
    {
        ushort bits;
        TensorDtypes.FromSingle([value], dtype, (byte*)&bits);
        return bits;
    }

    // Value of a 16-bit float from its fields, in exact double arithmetic.
    private static double Decode(ushort bits, int exponentBits)
    {
        int mantissaBits = 15 - exponentBits, bias = (1 << (exponentBits - 1)) - 1;
        int exponent = (bits >> mantissaBits) & ((1 << exponentBits) - 1), mantissa = bits & ((1 << mantissaBits) - 1);
        var sign = (bits & 0x8000) != 0 ? -1.0 : 1.0;
        if (exponent == (1 << exponentBits) - 1) return mantissa != 0 ? double.NaN : sign * double.PositiveInfinity;
        return exponent == 0
            ? sign * mantissa * Math.Pow(2, 1 - bias - mantissaBits)
            : sign * ((1 << mantissaBits) + mantissa) * Math.Pow(2, exponent - bias - mantissaBits);
    }

    [Theory]
    [InlineData(TensorDtype.F16, 5)]
    [InlineData(TensorDtype.BF16, 8)]
    public void All_65536_values_widen_exactly_and_come_back(TensorDtype dtype, int exponentBits)
    {
        for (var bits = 0; bits <= ushort.MaxValue; bits++)
        {
            var wide = Widen(dtype, (ushort)bits);
            var expected = Decode((ushort)bits, exponentBits);
            if (double.IsNaN(expected))
            {
                Assert.True(float.IsNaN(wide), $"{bits:x4}");
                Assert.True(double.IsNaN(Decode(Narrow(dtype, wide), exponentBits)), $"{bits:x4}");
                continue;
            }

            Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(wide));
            Assert.Equal((ushort)bits, Narrow(dtype, wide));
        }
    }

    [Theory]
    [InlineData(TensorDtype.F16, 5)]
    [InlineData(TensorDtype.BF16, 8)]
    public void Narrowing_takes_the_nearest_and_ties_go_to_even(TensorDtype dtype, int exponentBits)
    {
        var infinity = (ushort)(((1 << exponentBits) - 1) << (15 - exponentBits));
        for (ushort low = 0; low < infinity - 1; low += 7)
        {
            var high = (ushort)(low + 1);
            double a = Decode(low, exponentBits), b = Decode(high, exponentBits);
            var middle = (float)((a + b) / 2);
            Assert.Equal((a + b) / 2, (double)middle); // a float holds the tie exactly
            Assert.Equal(low % 2 == 0 ? low : high, Narrow(dtype, middle));
            Assert.Equal(low, Narrow(dtype, MathF.BitDecrement(middle)));
            Assert.Equal(high, Narrow(dtype, MathF.BitIncrement(middle)));
            Assert.Equal((ushort)(high | 0x8000), Narrow(dtype, -MathF.BitIncrement(middle)));
        }
    }

    [Fact]
    public void Fp32_is_copied_bit_for_bit()
    {
        float[] values = [0, -0f, 1e-45f, float.MaxValue, float.NegativeInfinity, 1 / 3f];
        var bytes = new byte[values.Length * 4];
        var back = new float[values.Length];
        fixed (byte* p = bytes)
        {
            TensorDtypes.FromSingle(values, TensorDtype.F32, p);
            TensorDtypes.ToSingle(TensorDtype.F32, p, back);
        }

        Assert.Equal(values.Select(BitConverter.SingleToInt32Bits), back.Select(BitConverter.SingleToInt32Bits));
    }

    [Fact]
    public void Integers_hold_no_weights()
    {
        Assert.Throws<BtxException>(() => Widen(TensorDtype.I8, 0));
        Assert.Throws<BtxException>(() => Narrow(TensorDtype.I32, 0));
    }

    [Theory]
    [InlineData("float32", TensorDtype.F32)]
    [InlineData("float16", TensorDtype.F16)]
    [InlineData("bfloat16", TensorDtype.BF16)]
    public void Hugging_face_names_are_known(string name, TensorDtype dtype) => Assert.Equal(dtype, TensorDtypes.FromTorch(name));

    [Fact]
    public void Another_torch_dtype_is_named() =>
    Assert.Contains("\"float8\"", Assert.Throws<BtxException>(() => TensorDtypes.FromTorch("float8")).Message, StringComparison.Ordinal);
}
