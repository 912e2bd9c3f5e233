namespace Btx.Exporter.Graphs;

/// <summary>
/// How <c>com.microsoft.MatMulNBits</c> stores a weight [outputs, inputs]: each row in blocks of 128 inputs, the last one filled up,
/// w = (code − 2^(bits−1)) · scale with one scale a block. Two 4-bit codes share a byte, the lower half first.
/// </summary>
internal readonly record struct BlockLayout(long Outputs, long Inputs, int Bits)
{
    public const int BlockSize = 128;

    public long Blocks => (Inputs + BlockSize - 1) / BlockSize;

    public int BlockBytes => BlockSize * Bits / 8;

    /// <summary>uint8.</summary>
    public long[] CodesShape => [Outputs, Blocks, BlockBytes];

    /// <summary>fp32.</summary>
    public long[] ScalesShape => [Outputs, Blocks];

    public static string Codes(string weight) => weight + ".codes";

    public static string Scales(string weight) => weight + ".scales";
}
