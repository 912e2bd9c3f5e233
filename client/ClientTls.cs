using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Btx.Client;

/// <summary>How a client and a server with TLS know each other, where it is not by the CAs of the system.</summary>
/// <param name="CaFile">Certificates in PEM that sign the server's, and no others do; null: those of the system.</param>
/// <param name="CertificateFile">The client's own certificate and its private key, both in one file in PEM that is its owner's alone; null:
/// it shows none.</param>
public sealed record ClientTls(string? CaFile = null, string? CertificateFile = null)
{
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1"; // id-kp-serverAuth (RFC 5280)
    private const string CaName = "CA file (--server-ca)", CertificateName = "client certificate (--client-cert)";
    private const int LongestFile = 1 << 20;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;

    /// <exception cref="BtxCallException">A file cannot be read, does not hold what it should, or holds a key that others can
    /// read.</exception>
    public SocketsHttpHandler Handler()
    {
        var handler = new SocketsHttpHandler { EnableMultipleHttp2Connections = true };
        if (CaFile is { } ca)
        {
            var policy = new X509ChainPolicy
            {
                TrustMode = X509ChainTrustMode.CustomRootTrust,
                RevocationMode = X509RevocationMode.NoCheck,
                DisableCertificateDownloads = true,
            };
            Read(CaName, ca, isSecret: false, pem => policy.CustomTrustStore.ImportFromPem(pem));
            if (policy.CustomTrustStore.Count == 0) throw Invalid(CaName, ca, "holds no certificate in PEM");
            policy.ExtraStore.AddRange(policy.CustomTrustStore);
            policy.ApplicationPolicy.Add(new(ServerPurpose));
            handler.SslOptions.CertificateChainPolicy = policy;
        }

        if (CertificateFile is { } own)
            Read(CertificateName, own, isSecret: true,
                pem => handler.SslOptions.ClientCertificates = [X509Certificate2.CreateFromPem(pem, pem)]);
        return handler;
    }

    private static void Read(string what, string file, bool isSecret, Action<string> use)
    {
        try
        {
            if (isSecret && !OperatingSystem.IsWindows() && (File.GetUnixFileMode(file) & Others) != 0)
                throw Invalid(what, file, "holds a private key and others can read it; make it its owner's alone (chmod 600)");
            if (new FileInfo(file).Length > LongestFile) throw Invalid(what, file, $"is larger than {LongestFile} bytes");
            use(File.ReadAllText(file));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
        {
            throw Invalid(what, file, e is IOException or UnauthorizedAccessException ? $"cannot be read ({e.Message})"
                : isSecret ? "holds no certificate with its private key, both in PEM" : "holds no certificate in PEM");
        }
    }

    private static BtxCallException Invalid(string what, string file, string problem) =>
        new(CallFailure.NotMade, $"{what} {file}: {problem}");
}
