using System.Numerics;
using System.Security.Cryptography;

namespace Btx.Model.Registry;

/// <summary>
/// ECDSA P-256 with SHA-256, r and s in hex. Of the two signatures (r, s) and (r, n − s), which both verify, only the one with the low s is
/// made and accepted, so that nobody can change a signature that holds into another that does.
/// </summary>
internal static class P256Signature
{
    private static readonly BigInteger Order =
        BigInteger.Parse("00ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", System.Globalization.NumberStyles.HexNumber);

    public static string Sign(ECDsa key, byte[] bytes)
    {
        var signature = key.SignData(bytes, HashAlgorithmName.SHA256);
        var s = new BigInteger(signature.AsSpan(32), isUnsigned: true, isBigEndian: true);
        if (!IsLow(s))
        {
            var low = (Order - s).ToByteArray(isUnsigned: true, isBigEndian: true);
            signature.AsSpan(32).Clear();
            low.CopyTo(signature, signature.Length - low.Length);
        }

        return Convert.ToHexStringLower(signature);
    }

    /// <param name="publicKey">SubjectPublicKeyInfo in hex.</param>
    /// <param name="fingerprint">SHA-256 (hex) that the public key must have.</param>
    /// <param name="anyS">For what was signed before the low s was called for.</param>
    /// <returns>Null if the signature holds, else why it does not.</returns>
    public static string? Fault(byte[] bytes, string publicKey, string fingerprint, string signature, bool anyS = false)
    {
        try
        {
            var spki = Convert.FromHexString(publicKey);
            if (Convert.ToHexStringLower(spki) != publicKey || RegistryJson.Hash(spki) != fingerprint)
                return "the fingerprint is not that of the public key";
            using var key = ECDsa.Create();
            key.ImportSubjectPublicKeyInfo(spki, out var read);
            if (read != spki.Length || key.KeySize != 256) return "the public key is not one of P-256";
            var rs = Convert.FromHexString(signature);
            if (rs.Length != 64 || Convert.ToHexStringLower(rs) != signature) return "the signature is not 128 lower-case hex digits";
            if (!anyS && !IsLow(new BigInteger(rs.AsSpan(32), isUnsigned: true, isBigEndian: true)))
                return "the signature was changed: its s is the high one of the two that verify";
            return key.VerifyData(bytes, rs, HashAlgorithmName.SHA256)
                ? null
                : "the signature does not fit: what was signed was changed, or another key signed it";
        }
        catch (Exception e) when (e is FormatException or CryptographicException or ArgumentException)
        {
            return $"the public key or the signature cannot be read ({BtxException.OneLine(e.Message)})";
        }
    }

    private static bool IsLow(BigInteger s) => s <= Order >> 1;
}
