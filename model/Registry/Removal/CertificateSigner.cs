using System.Numerics;
using System.Security.Cryptography;
using System.Text;

namespace Btx.Model.Registry;

/// <summary>The key of a served forest: ECDSA P-256, <c>forest.key</c> (PKCS#8 PEM, readable by its owner alone) beside <c>served.json</c>,
/// made when it is first needed; its public part is <c>forest.key.pub</c>. Thread-safe.</summary>
public sealed class CertificateSigner : IDisposable
{
    public const string KeyName = "forest.key";
    public const string PublicKeyName = "forest.key.pub";

    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private readonly Lock gate = new();
    private readonly ECDsa key;
    private readonly byte[] publicKey;

    private CertificateSigner(ECDsa key)
    {
        this.key = key;
        publicKey = key.ExportSubjectPublicKeyInfo();
    }

    /// <summary>SHA-256 (hex) of the public key: what an auditor notes down.</summary>
    public string Fingerprint => ManifestJson.Hash(publicKey);

    /// <summary>Reads the key of a served forest, or makes it. For whoever owns the forest.</summary>
    /// <exception cref="BtxException">The key file is damaged, readable by others, or cannot be written.</exception>
    public static CertificateSigner Open(string servedDirectory)
    {
        var path = Path.Combine(Path.GetFullPath(servedDirectory), KeyName);
        if (!File.Exists(path))
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            AtomicFile.Write(path, stream => stream.Write(Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem() + "\n")), OwnerOnly);
        }

        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) is var mode && (mode & ~OwnerOnly) != 0)
            throw new BtxException($"{path}: others than its owner can read or change it; `chmod 600 {path}` if "
                + "nobody has, else move it away for a new one");
        var signer = Import(path, "a P-256 private key", "restore it from a copy, or move it away for a new one", key =>
            key.KeySize == 256 && key.ExportParameters(true).D is not null ? new CertificateSigner(key)
            : throw new CryptographicException("not a private key of P-256"));
        var pub = Path.Combine(Path.GetDirectoryName(path)!, PublicKeyName);
        var pem = signer.key.ExportSubjectPublicKeyInfoPem() + "\n";
        if (!File.Exists(pub) || File.ReadAllText(pub) != pem) AtomicFile.WriteText(pub, pem);
        return signer;
    }

    public static string? FingerprintOf(string servedDirectory)
    {
        var path = Path.Combine(servedDirectory, PublicKeyName);
        return !File.Exists(path) ? null : Import(path, "a public key", "the server writes it again when it starts", key =>
        {
            using (key) return ManifestJson.Hash(key.ExportSubjectPublicKeyInfo());
        });
    }

    /// <summary>The certificate with public key, fingerprint and signature.</summary>
    /// <exception cref="BtxException">It is not consistent. A failed equality check is signed, and shown by the verifier.</exception>
    public RemovalCertificate Sign(RemovalCertificate certificate)
    {
        var problems = CertificateRules.Problems(certificate)
            .Where(f => !f.StartsWith("the equality check failed", StringComparison.Ordinal)).ToList();
        if (problems.Count > 0)
            throw new BtxException($"the certificate of change {certificate.ChangeId} is not consistent: {string.Join("; ", problems)}");
        certificate = certificate with { PublicKey = PublicKey, KeyFingerprint = Fingerprint, Signature = "" };
        return certificate with { Signature = SignBytes(certificate.SignedBytes()) };
    }

    internal string PublicKey => Convert.ToHexStringLower(publicKey);

    internal string SignBytes(byte[] bytes)
    {
        lock (gate) return P256Signature.Sign(key, bytes);
    }

    public void Dispose() => key.Dispose();

    // The key of a PEM file, which is disposed of if it is not what it should be.
    private static T Import<T>(string path, string what, string remedy, Func<ECDsa, T> read)
    {
        var pem = Encoding.ASCII.GetString(BoundedFile.Read(path, 1 << 16));
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(pem);
            return read(key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            key.Dispose();
            throw new BtxException($"{path}: not {what} ({BtxException.OneLine(e.Message)}); {remedy}", e);
        }
    }
}

/// <summary>ECDSA P-256 with SHA-256, r and s in hex. Of the two signatures (r, s) and (r, n − s), which both verify, only the one with the
/// low s is made and accepted, so that nobody can change a signature that holds into another that does.</summary>
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

    /// <param name="fingerprint">SHA-256 (hex) that the public key must have.</param>
    /// <param name="anyS">For what was signed before the low s was called for.</param>
    /// <returns>Null if the signature holds, else why it does not.</returns>
    public static string? Problem(byte[] bytes, string publicKey, string fingerprint, string signature, bool anyS = false)
    {
        try
        {
            var spki = Convert.FromHexString(publicKey);
            if (Convert.ToHexStringLower(spki) != publicKey || ManifestJson.Hash(spki) != fingerprint)
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
