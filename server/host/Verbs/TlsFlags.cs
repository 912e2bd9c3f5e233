namespace Btx.Server.Verbs;

/// <summary>The flags of a client of a server with TLS.</summary>
internal sealed class TlsFlags
{
    private readonly FlagTable<ClientTls> _all = new()
    {
        { new Flag<string?>("--server-ca FILE", "certificates (PEM) of the CA of a server with TLS, where the system does not know it"),
            (tls, file) => tls with { CaFile = file } },
        { new Flag<string?>("--client-cert FILE", "certificate and private key (PEM) that this client shows to a server with TLS"),
            (tls, file) => tls with { CertificateFile = file } },
    };

    public IReadOnlyList<Option> All => _all;

    public ClientTls Read(ParseResult parsed) => _all.Read(parsed, new());

    /// <summary>The flags as they were given, each after a blank.</summary>
    public IEnumerable<Flag<string?>> Texts => _all.Cast<Flag<string?>>();
}
