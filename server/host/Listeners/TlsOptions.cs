using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Btx.Model.Files;

namespace Btx.Server.Listeners;

/// <summary>With which certificate the server shows itself at all of its ports, and whose certificates it takes of its clients.</summary>
/// <param name="CertificateFile">PEM, the server's own certificate first, then those that lead to its root; or PKCS #12 (PFX).</param>
/// <param name="KeyFile">Its private key in PEM; null: it is in the PFX.</param>
/// <param name="PasswordFile">Of the PFX or the key; null: it has none.</param>
/// <param name="ClientCaFile">Certificates in PEM that sign those of clients, and no others do; null: clients need none.</param>
/// <param name="ClientsMayHaveNone">A client without a certificate is taken, too; one with another's is not.</param>
internal sealed record TlsOptions(string? CertificateFile = null, string? KeyFile = null, string? PasswordFile = null,
    string? ClientCaFile = null, bool ClientsMayHaveNone = false)
{
    private const string CertificateOption = "--tls-cert", KeyOption = "--tls-key", ClientCaOption = "--tls-client-ca";
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1", AnyPurpose = "2.5.29.37.0"; // RFC 5280, 4.2.1.12
    private const string NoClientCa = $"{ClientCaOption} is missing: without it certificates of clients are not looked at";
    private const int LongestFile = 1 << 20;

    /// <summary>False: nothing is said of TLS, and the ports speak in clear text.</summary>
    public bool IsGiven => (CertificateFile ?? KeyFile ?? PasswordFile ?? ClientCaFile) is not null || ClientsMayHaveNone;

    /// <summary>All files that are read.</summary>
    public IEnumerable<string> Files => new[] { CertificateFile, KeyFile, PasswordFile, ClientCaFile }.OfType<string>();

    /// <summary>What is missing, and which files cannot be used, is added to <paramref name="problems"/>.</summary>
    public void Check(Problems problems)
    {
        var all = new Problems();
        all.Of(() => (this with { ClientCaFile = null, ClientsMayHaveNone = false }).Read());
        if (KeyFile is not null) all.Of(() => ReadKey(KeyFile));
        if (ClientCaFile is not null) all.Of(() => Certificates(ClientCaOption, ClientCaFile));
        else if (ClientsMayHaveNone) all.Add(NoClientCa);
        problems.AddRange(all.Distinct());
    }

    /// <summary>Reads the files.</summary>
    /// <exception cref="BtxException">One is missing, cannot be read, holds a secret that others can read, or does not fit the
    /// others, or the certificate has expired or is not for servers.</exception>
    public TlsFiles Read()
    {
        if (CertificateFile is not { } file) throw new BtxException($"{CertificateOption} is missing, the server's own certificate");
        if (ClientsMayHaveNone && ClientCaFile is null)
            throw new BtxException(NoClientCa);
        var clients = ClientCaFile is null ? null : Certificates(ClientCaOption, ClientCaFile);
        var password = PasswordFile is null ? null
            : Encoding.UTF8.GetString(SecretFile.Read("--tls-password-file", PasswordFile, 4096, "it holds one line")).Trim();
        try
        {
            var (own, chain) = KeyFile is null ? OfPfx(file, password) : OfPem(file, KeyFile, password);
            return Problem(own) is { } problem ? throw new BtxException($"{CertificateOption} {file}: {problem}")
                : new(own, chain, clients);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new BtxException(KeyFile is null
                ? $"{CertificateOption} {file}: is no PFX, or --tls-password-file is missing or wrong ({BtxException.OneLine(e.Message)})"
                : $"{CertificateOption} {file} and {KeyOption} {KeyFile}: are no certificate and its key in PEM, or the key's password is "
                    + $"missing or wrong ({BtxException.OneLine(e.Message)})", e);
        }
    }

    /// <summary>Why every client would refuse a certificate of a server; null: it may be good.</summary>
    private static string? Problem(X509Certificate2 own)
    {
        var purposes = own.Extensions.OfType<X509EnhancedKeyUsageExtension>()
            .SelectMany(one => one.EnhancedKeyUsages.Cast<Oid>()).ToArray();
        return own.NotAfter.ToUniversalTime() <= DateTime.UtcNow
                ? $"the certificate has expired, on {own.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm} (UTC)"
            : purposes.Length > 0 && !purposes.Any(purpose => purpose.Value is ServerPurpose or AnyPurpose)
                ? "the certificate is not one for servers (extended key usage)"
            : null;
    }

    /// <summary>Certificates in PEM.</summary>
    /// <exception cref="BtxException">The file cannot be read, or has none.</exception>
    public static X509Certificate2Collection Certificates(string option, string file)
    {
        var all = new X509Certificate2Collection();
        var pem = Encoding.UTF8.GetString(Bytes(option, file));
        try
        {
            all.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new BtxException($"{option} {file}: cannot be read ({BtxException.OneLine(e.Message)})", e);
        }

        return all.Count > 0 ? all : throw new BtxException($"{option} {file}: holds no certificate in PEM");
    }

    /// <summary>Trusts these and nobody else. Whether a certificate was revoked is not asked: a private CA seldom answers that; who is to
    /// come in no more gets a CA of their own, or short-lived certificates.</summary>
    public static X509ChainPolicy TrustIn(X509Certificate2Collection roots, string purpose)
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(roots);
        policy.ExtraStore.AddRange(roots);
        policy.ApplicationPolicy.Add(new(purpose));
        return policy;
    }

    private static (X509Certificate2 Own, X509Certificate2Collection Chain) OfPem(string file, string keyFile, string? password)
    {
        var chain = Certificates(CertificateOption, file);
        var key = ReadKey(keyFile);
        var pem = chain[0].ExportCertificatePem();
        var own = password is null ? X509Certificate2.CreateFromPem(pem, key) : X509Certificate2.CreateFromEncryptedPem(pem, key, password);
        chain.RemoveAt(0);
        return (own, chain);
    }

    private static byte[] Bytes(string option, string file)
    {
        try
        {
            return BoundedFile.Read(file, LongestFile);
        }
        catch (BtxException e)
        {
            throw new BtxException($"{option} {file}: cannot be read ({BtxException.OneLine(e.Message)})", e);
        }
    }

    private static string ReadKey(string file) =>
        Encoding.UTF8.GetString(SecretFile.Read(KeyOption, file, LongestFile, "it holds the private key in PEM"));

    private static (X509Certificate2 Own, X509Certificate2Collection Chain) OfPfx(string file, string? password)
    {
        if (Bytes(CertificateOption, file).AsSpan().IndexOf("-----BEGIN CERTIFICATE"u8) >= 0)
            throw new BtxException($"{CertificateOption} {file}: is PEM: {KeyOption} is missing, the file of its private key");
        var bytes = SecretFile.Read(CertificateOption, file, LongestFile, "it holds a certificate and its key as PKCS #12");
        var all = X509CertificateLoader.LoadPkcs12Collection(bytes, password, X509KeyStorageFlags.EphemeralKeySet);
        var own = all.FirstOrDefault(one => one.HasPrivateKey) ?? throw new CryptographicException("it has no private key");
        all.Remove(own);
        return (own, all);
    }
}

/// <summary>What the files of <see cref="TlsOptions"/> hold.</summary>
/// <param name="Own">With its private key.</param>
/// <param name="Chain">Others that lead from it to its root.</param>
/// <param name="ClientRoots">Null: clients need no certificate.</param>
internal sealed record TlsFiles(X509Certificate2 Own, X509Certificate2Collection Chain, X509Certificate2Collection? ClientRoots);
