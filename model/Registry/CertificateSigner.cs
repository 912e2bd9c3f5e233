using System.Security.Cryptography;
using System.Text;
using Btx.Model.Files;

namespace Btx.Model.Registry;

/// <summary>
/// The key of a served forest: ECDSA P-256, <c>forest.key</c> (PKCS#8 PEM, readable by its owner alone) beside <c>served.json</c>, made
/// when it is first needed; its public part is <c>forest.key.pub</c>. Thread-safe.
/// </summary>
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
    public string Fingerprint => RegistryJson.Hash(publicKey);

    /// <summary>Reads the key of a served forest, or makes it.</summary>
    /// <exception cref="BtxException">The key file is damaged, readable by others, or cannot be written.</exception>
    public static CertificateSigner Open(string servedDirectory)
    {
        var path = Path.Combine(Path.GetFullPath(servedDirectory), KeyName);
        if (!File.Exists(path)) Create(path);
        if (!OperatingSystem.IsWindows() && File.GetUnixFileMode(path) is var mode && (mode & ~OwnerOnly) != 0)
            throw new BtxException($"{path}: others than its owner can read or change it; `chmod 600 {path}` if "
                + "nobody has, else move it away for a new one");
        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(Encoding.ASCII.GetString(BoundedFile.Read(path, 1 << 16)));
            if (key.KeySize != 256 || key.ExportParameters(true) is { D: null })
                throw new CryptographicException("not a private key of P-256");
            var signer = new CertificateSigner(key);
            var pub = Path.Combine(Path.GetDirectoryName(path)!, PublicKeyName);
            var pem = key.ExportSubjectPublicKeyInfoPem() + "\n";
            if (!File.Exists(pub) || File.ReadAllText(pub) != pem) AtomicFile.WriteText(pub, pem);
            return signer;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            key.Dispose();
            throw new BtxException($"{path}: not a P-256 private key ({BtxException.OneLine(e.Message)}); restore it from a copy, or "
                + "move it away for a new one",
                e);
        }
    }

    /// <summary>The fingerprint of a served forest's public key; null if it has none yet.</summary>
    /// <exception cref="BtxException">The public key file is damaged.</exception>
    public static string? FingerprintOf(string servedDirectory)
    {
        var path = Path.Combine(servedDirectory, PublicKeyName);
        if (!File.Exists(path)) return null;
        using var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(Encoding.ASCII.GetString(BoundedFile.Read(path, 1 << 16)));
            return RegistryJson.Hash(key.ExportSubjectPublicKeyInfo());
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new BtxException($"{path}: not a public key ({BtxException.OneLine(e.Message)}); the "
                + "server writes it again when it starts",
                e);
        }
    }

    /// <summary>The certificate with public key, fingerprint and signature.</summary>
    /// <exception cref="BtxException">It is not consistent, all faults in the one message: such a thing is not signed. A failed equality
    /// check is signed, and shown by <see cref="CertificateVerifier"/>.</exception>
    public RemovalCertificate Sign(RemovalCertificate certificate)
    {
        var faults = CertificateRules.Faults(certificate)
            .Where(f => !f.StartsWith("the equality check failed", StringComparison.Ordinal)).ToList();
        if (faults.Count > 0)
            throw new BtxException($"the certificate of change {certificate.ChangeId} is not consistent: {string.Join("; ", faults)}");
        certificate = certificate with { PublicKey = PublicKey, KeyFingerprint = Fingerprint, Signature = "" };
        return certificate with { Signature = SignBytes(certificate.SignedBytes()) };
    }

    internal string PublicKey => Convert.ToHexStringLower(publicKey);

    internal string SignBytes(byte[] bytes)
    {
        lock (gate) return P256Signature.Sign(key, bytes);
    }

    public void Dispose() => key.Dispose();

    // Whole before it has its name; of two that make one at once, the first stands.
    private static void Create(string path)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
            using (var stream = new FileStream(temporary, options))
            {
                stream.Write(Encoding.ASCII.GetBytes(key.ExportPkcs8PrivateKeyPem() + "\n"));
                stream.Flush(flushToDisk: true);
            }

            if (!File.Exists(path)) File.Move(temporary, path);
            AtomicFile.SyncDirectory(Path.GetDirectoryName(path)!);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException { ParamName: "value" })
        {
            if (!File.Exists(path)) throw new BtxException($"cannot write {path}: {BtxException.OneLine(e.Message)}", e);
        }
        finally
        {
            if (File.Exists(temporary)) File.Delete(temporary);
        }
    }
}
