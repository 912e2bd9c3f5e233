using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Btx.Client;
using Btx.Server.Listeners;
using Btx.Server.Rpc;

namespace Btx.Server.Tests.Listeners;

/// <summary>A CA, one that it signs, which signs the server's, and files of certificates in a directory of their own, deleted on
/// disposal.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
internal sealed class TestCertificates : IDisposable
{
    public const string ServerPurpose = "1.3.6.1.5.5.7.3.1", ClientPurpose = "1.3.6.1.5.5.7.3.2";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("btx-tls-");
    private readonly X509Certificate2 _root, _intermediate;
    private int _number;

    public TestCertificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a test's CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9));
        _intermediate = Sign(_root, "CN=between", new X509BasicConstraintsExtension(true, false, 0, true));
        File.WriteAllText(Ca, _root.ExportCertificatePem());
    }

    public string Ca => this["ca.pem"];

    /// <summary>With a server's certificate in PEM, made if need be.</summary>
    public TlsOptions Server
    {
        get
        {
            if (!File.Exists(this["server.pem"])) ReplaceServer("CN=first");
            return new(this["server.pem"], this["server.key"]);
        }
    }

    public string this[string name] => Path.Combine(_directory.FullName, name);

    /// <param name="password">Of the key; null: none.</param>
    /// <param name="until">Null: as long as its issuer's.</param>
    public void ReplaceServer(string subject, string? password = null, string purpose = ServerPurpose, DateTimeOffset? until = null)
    {
        using var own = Sign(_intermediate, subject, Purpose(purpose), until);
        File.WriteAllText(this["server.pem"], $"{own.ExportCertificatePem()}\n{_intermediate.ExportCertificatePem()}\n");
        var key = own.GetECDsaPrivateKey()!;
        Secret("server.key", password is null ? key.ExportPkcs8PrivateKeyPem()
            : key.ExportEncryptedPkcs8PrivateKeyPem(password, new(PbeEncryptionAlgorithm.Aes128Cbc, HashAlgorithmName.SHA256, 1000)));
    }

    /// <summary>A server's certificate as PFX.</summary>
    public string Pfx(string password)
    {
        using var own = Sign(_intermediate, "CN=pfx", Purpose(ServerPurpose));
        using var between = X509CertificateLoader.LoadCertificate(_intermediate.RawData);
        return Secret("server.pfx", new X509Certificate2Collection { own, between }.Export(X509ContentType.Pfx, password)!);
    }

    /// <summary>What a client shows that trusts the CA of <paramref name="server"/>.</summary>
    public ClientTls Client(TestCertificates? server = null)
    {
        using var own = Sign(_root, "CN=a client", Purpose(ClientPurpose));
        var file = Secret("client.pem", $"{own.ExportCertificatePem()}\n{own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()}\n");
        return new((server ?? this).Ca, file);
    }

    public string Secret(string name, string text) => Secret(name, System.Text.Encoding.UTF8.GetBytes(text));

    public void Dispose()
    {
        _root.Dispose();
        _intermediate.Dispose();
        _directory.Delete(recursive: true);
    }

    private string Secret(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        File.SetUnixFileMode(this[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return this[name];
    }

    private static X509EnhancedKeyUsageExtension Purpose(string purpose) => new([new(purpose)], false);

    private X509Certificate2 Sign(X509Certificate2 issuer, string subject, X509Extension extension, DateTimeOffset? until = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(extension);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(issuer, issuer.NotBefore, until ?? issuer.NotAfter, BitConverter.GetBytes(++_number));
        return signed.CopyWithPrivateKey(key);
    }
}
