using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Btx.Server.Rpc;

/// <summary>How a client and a server with TLS know each other, where it is not by the CAs of the system.</summary>
/// <param name="CaFile">Certificates in PEM that sign the server's, and no others do; null: those of the system.</param>
/// <param name="CertificateFile">The client's own certificate and its private key, both in one file in PEM; null: it shows none.</param>
internal sealed record ClientTls(string? CaFile = null, string? CertificateFile = null)
{
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1"; // id-kp-serverAuth (RFC 5280)
    private const string CertificateOption = "--client-cert";
    private const int LongestFile = 1 << 20;

    /// <exception cref="BtxException">A file cannot be read, does not hold what it should, or holds a key that others can read.</exception>
    public SocketsHttpHandler Handler()
    {
        var tls = new SslClientAuthenticationOptions();
        if (CaFile is not null)
            tls.CertificateChainPolicy = TlsOptions.TrustIn(TlsOptions.Certificates("--server-ca", CaFile), ServerPurpose);
        if (CertificateFile is { } file)
        {
            try
            {
                var bytes = SecretFile.Read(CertificateOption, file, LongestFile, "it holds the certificate and its key");
                var pem = Encoding.UTF8.GetString(bytes);
                tls.ClientCertificates = [X509Certificate2.CreateFromPem(pem, pem)];
            }
            catch (Exception e) when (e is CryptographicException or ArgumentException)
            {
                throw new BtxException($"{CertificateOption} {file}: holds no certificate with its private key, both in PEM "
                    + $"({BtxException.OneLine(e.Message)})", e);
            }
        }

        return new() { SslOptions = tls, EnableMultipleHttp2Connections = true };
    }
}
