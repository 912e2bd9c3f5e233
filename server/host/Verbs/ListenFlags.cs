namespace Btx.Server.Verbs;

/// <summary>The flags of <c>serve</c> that say where it listens, with which certificate, and what a connection and a request may
/// take.</summary>
internal sealed class ListenFlags
{
    private const int Day = 86_400; // seconds

    private static readonly ListenAddress
        s_http = ListenAddress.Parse("--http", "127.0.0.1:8080"), s_grpc = ListenAddress.Parse("--grpc", "127.0.0.1:8081");

    private readonly FlagTable<ServerOptions> _all = new()
    {
        { new Flag<string>("--http ADDRESS:PORT", "where HTTP is listened for", $"{s_http}"),
            (o, text) => o with { Http = ListenAddress.Parse("--http", text) } },
        { new Flag<string>("--grpc ADDRESS:PORT", "where gRPC is listened for (HTTP/2)", $"{s_grpc}"),
            (o, text) => o with { Grpc = ListenAddress.Parse("--grpc", text) } },
        { new Flag<string?>("--admin ADDRESS:PORT", "serve btx.v1.Forest, gRPC reflection, /metrics and /v1/forest here, over gRPC and "
            + "HTTP, and no longer at the two others"),
            (o, text) => o with { Admin = text is null ? null : ListenAddress.Parse("--admin", text) } },
        { new Flag<double>("--shutdown-limit SECONDS", "how long running requests may go on after the shutdown begins", 30)
            .Between(0, ServerOptions.LongestShutdown),
            (o, seconds) => o with { ShutdownLimit = TimeSpan.FromSeconds(seconds) } },
        { new Flag<string?>("--tls-cert FILE", "the server's certificate, for all ports: PEM with those that lead to its root, or PFX; "
            + "read again when it changes"), (o, file) => o with { Tls = o.Tls with { CertificateFile = file } } },
        { new Flag<string?>("--tls-key FILE", "its private key in PEM"), (o, file) => o with { Tls = o.Tls with { KeyFile = file } } },
        { new Flag<string?>("--tls-password-file FILE", "the password of the PFX, or of the key"),
            (o, file) => o with { Tls = o.Tls with { PasswordFile = file } } },
        { new Flag<string?>("--tls-client-ca FILE", "clients need a certificate that one of these (PEM) signs, besides their key"),
            (o, file) => o with { Tls = o.Tls with { ClientCaFile = file } } },
        { new Choice("--tls-client-certs", ["require", "allow"], "allow: a client without a certificate is taken, too", "require"),
            (o, word) => o with { Tls = o.Tls with { ClientsMayHaveNone = word == "allow" } } },
        { new Flag<double>("--max-body-mb MB", "largest request in MiB, decompressed", 4).Between(0.001, 1024),
            (o, mb) => o with { Limits = o.Limits with { BodyBytes = (int)Math.Min(mb * (1 << 20), int.MaxValue) } } },
        { new Flag<int>("--max-prompt-chars N", "longest prompt in characters", 1_000_000).Between(1),
            (o, n) => o with { Limits = o.Limits with { PromptCharacters = n } } },
        { new Flag<bool>("--log-prompts", "write each prompt, and each text that is scored or counted, to the log (8,192 characters)"),
            (o, given) => o with { LogsPrompts = given } },
        { new Flag<int?>("--connections N", "connections at each port (what the limit of open files leaves)"),
            (o, n) => o with { Connections = n is null or (>= 1 and <= 1 << 20) ? n
                : throw new BtxException($"--connections {n}: expected 1 to {1 << 20}") } },
        { new Flag<double>("--idle-time SECONDS", "how long a connection without a request is kept", 75).Between(1, Day),
            (o, seconds) => o with { Transport = o.Transport with { IdleTime = seconds } } },
        { new Flag<double>("--header-time SECONDS", "in which a request's headers, and a handshake of TLS, must be done", 15)
            .Between(0.1, Day), (o, seconds) => o with { Transport = o.Transport with { HeaderTime = seconds } } },
        { new Flag<double>("--body-time SECONDS", "in which a request's body must have come", 60).Between(0.1, Day),
            (o, seconds) => o with { BodyTime = TimeSpan.FromSeconds(seconds) } },
        { new Flag<double>("--half-closed-time SECONDS", "how long a client of HTTP that closed its side is still answered", 15)
            .Between(0, Day), (o, seconds) => o with { HalfClosedPatience = TimeSpan.FromSeconds(seconds) } },
        { new Flag<double>("--min-body-rate BYTES", "a second, that a body must come with after 5 s; 0: none", 240).Between(0, 1e9),
            (o, rate) => o with { Transport = o.Transport with { BodyRate = rate } } },
        { new Flag<double>("--min-answer-rate BYTES", "a second, that an answer must be read with after 5 s; 0: none", 240).Between(0, 1e9),
            (o, rate) => o with { Transport = o.Transport with { AnswerRate = rate } } },
        { new Flag<int>("--max-request-line KIB", "longest first line of a request of HTTP/1.1", 8).Between(1, 1024),
            (o, n) => o with { Transport = o.Transport with { RequestLine = n } } },
        { new Flag<int>("--max-header-size KIB", "all headers of a request together", 32).Between(1, 1024),
            (o, n) => o with { Transport = o.Transport with { HeaderSize = n } } },
        { new Flag<int>("--max-headers N", "headers of a request", 100).Between(1, 10_000),
            (o, n) => o with { Transport = o.Transport with { Headers = n } } },
        { new Flag<int>("--max-streams N", "calls under way on a connection of gRPC", 100).Between(1, 10_000),
            (o, n) => o with { Transport = o.Transport with { Streams = n } } },
        { new Flag<int>("--max-resets N", "calls that a client may cancel in a second on a connection of gRPC; one more ends it", 100)
            .Between(1, 1_000_000), (o, n) => o with { Transport = o.Transport with { Resets = n } } },
        { new Flag<double>("--ping-interval SECONDS", "a client of gRPC that is silent for so long is asked whether it is there; 0: never",
            60).Between(0, Day),
            (o, seconds) => o with { Transport = o.Transport with { PingInterval = seconds is > 0 and < 1 ? 1 : seconds } } },
        { new Flag<double>("--ping-time SECONDS", "in which it must answer", 20).Between(1, Day),
            (o, seconds) => o with { Transport = o.Transport with { PingTime = seconds } } },
        { new Flag<int>("--max-frame KIB", "largest frame of HTTP/2", 16).Between(16, (1 << 14) - 1),
            (o, n) => o with { Transport = o.Transport with { FrameSize = n } } },
        { new Flag<int>("--stream-window KIB", "what a client may send ahead in one call of gRPC", 768).Between(64, 1 << 20),
            (o, n) => o with { Transport = o.Transport with { StreamWindow = n } } },
        { new Flag<int>("--connection-window KIB", "what a client may send ahead in all calls of a connection", 1024).Between(64, 1 << 20),
            (o, n) => o with { Transport = o.Transport with { ConnectionWindow = n } } },
        { new Flag<int>("--header-table KIB", "table that compresses headers of HTTP/2 (HPACK); 0: none", 4).Between(0, 1024),
            (o, n) => o with { Transport = o.Transport with { HeaderTable = n } } },
    };

    public IEnumerable<Option> All => _all;

    /// <summary>What cannot be read is added to <paramref name="problems"/>.</summary>
    public ServerOptions Read(ParseResult parsed, Problems problems) => _all.Read(parsed, new() { Http = s_http, Grpc = s_grpc }, problems);
}
