using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Trainer.Corpora;

/// <summary>Independent uniform numbers in [0, 1) out of a document's id: the same in every run and on every machine.</summary>
internal static class DocumentHash
{
    /// <summary>Decides the split.</summary>
    public static double ForSplit(string id) => Fraction(id, 0);

    /// <summary>Decides what a cap keeps.</summary>
    public static double ForCap(string id) => Fraction(id, 8);

    /// <summary>Decides what a sample for a vocabulary holds.</summary>
    public static double ForSample(string id) => Fraction(id, 16);

    private static double Fraction(string id, int offset)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), hash);
        return (BinaryPrimitives.ReadUInt64BigEndian(hash[offset..]) >> 11) / (double)(1L << 53);
    }
}
