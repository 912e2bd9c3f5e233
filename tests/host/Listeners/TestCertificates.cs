using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Btx.Client;
using Btx.Server.Listeners;
using Btx.Server.Rpc;

namespace Btx.Server.Tests.Listeners;

/// <summary>A CA, and files of the certificates that it signs in a directory of their own, deleted on disposal.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
internal sealed class TestCertificates : IDisposable
{
    private const string ServerPurpose = "1.3.6.1.5.5.7.3.1", ClientPurpose = "1.3.6.1.5.5.7.3.2";
    private readonly DirectoryInfo _directory = Directory.CreateTempSubdirectory("btx-tls-");
    private readonly X509Certificate2 _root;
    private int _number;

    public TestCertificates()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a test's CA", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        _root = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(9));
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

    public void ReplaceServer(string subject)
    {
        using var own = Sign(subject, ServerPurpose);
        File.WriteAllText(this["server.pem"], own.ExportCertificatePem());
        Secret("server.key", own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>A server's certificate as PFX.</summary>
    public string Pfx(string password)
    {
        using var own = Sign("CN=pfx", ServerPurpose);
        return Secret("server.pfx", own.Export(X509ContentType.Pfx, password));
    }

    /// <summary>What a client shows that trusts the CA of <paramref name="server"/>.</summary>
    public ClientTls Client(TestCertificates? server = null)
    {
        using var own = Sign("CN=a client", ClientPurpose);
        var file = Secret("client.pem", $"{own.ExportCertificatePem()}\n{own.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem()}\n");
        return new((server ?? this).Ca, file);
    }

    public string Secret(string name, string text) => Secret(name, System.Text.Encoding.UTF8.GetBytes(text));

    public void Dispose()
    {
        _root.Dispose();
        _directory.Delete(recursive: true);
    }

    private string Secret(string name, byte[] bytes)
    {
        File.WriteAllBytes(this[name], bytes);
        File.SetUnixFileMode(this[name], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return this[name];
    }

    private X509Certificate2 Sign(string subject, string purpose)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new(purpose)], false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        using var signed = request.Create(_root, DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddDays(8),
            BitConverter.GetBytes(++_number));
        return signed.CopyWithPrivateKey(key);
    }
}
