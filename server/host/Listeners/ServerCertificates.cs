using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Btx.Model.Files;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Btx.Server.Listeners;

/// <summary>The certificate that the server shows, read again once its files have changed: connections that are open go on with the one
/// that they have. Files that cannot be used change nothing, and are logged once. Thread-safe.</summary>
internal sealed partial class ServerCertificates
{
    private const string ClientPurpose = "1.3.6.1.5.5.7.3.2"; // id-kp-clientAuth (RFC 5280)
    private readonly TlsOptions _options;
    private readonly ILogger _log;
    private readonly Lock _gate = new();
    private FileStat?[] _read;
    private Material _now;

    /// <exception cref="BtxException">As of <see cref="TlsOptions.Read"/>.</exception>
    public ServerCertificates(TlsOptions options, ILogger<ServerCertificates> log)
    {
        (_options, _log) = (options, log);
        _read = Stats();
        _now = new(options.Read());
    }

    /// <summary>Whose certificate it is, and until when it counts.</summary>
    public string Statement => Now().Statement;

    /// <summary>At a listener.</summary>
    /// <param name="time">In which a handshake must be done.</param>
    /// <param name="protocols">That are spoken there, the one that the server prefers first.</param>
    public void Use(ListenOptions listen, TimeSpan time, params IEnumerable<SslApplicationProtocol> protocols)
    {
        List<SslApplicationProtocol> spoken = [.. protocols];
        listen.Use(next => async connection =>
        {
            var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? default;
            await using (stopping.Register(() => EndHandshake(connection))) await next(connection);
        });
        listen.UseHttps(new TlsHandshakeCallbackOptions
        {
            HandshakeTimeout = time,
            OnConnection = _ => ValueTask.FromResult(Now().Options(spoken, _options)),
        });
        listen.Use(next => connection =>
        {
            connection.Items[typeof(Material)] = true; // the handshake is done
            if (spoken is not [var only] || only != SslApplicationProtocol.Http2 || IsHttp2(connection)) return next(connection);
            connection.Abort(new ConnectionAbortedException("its client does not speak HTTP/2"));
            return Task.CompletedTask;
        });
    }

    // Kestrel would log an error for each.
    private static bool IsHttp2(ConnectionContext connection) =>
        connection.Features.Get<ITlsApplicationProtocolFeature>()?.ApplicationProtocol.Span.SequenceEqual("h2"u8) == true;

    // A shutdown waits for no client that has not said who it is.
    private static void EndHandshake(ConnectionContext connection)
    {
        if (!connection.Items.ContainsKey(typeof(Material)))
            connection.Abort(new ConnectionAbortedException("the server is shutting down"));
    }

    // Looked at for each connection: a few microseconds beside a handshake.
    private Material Now()
    {
        lock (_gate)
        {
            var stats = Stats();
            if (stats.SequenceEqual(_read)) return _now;
            _read = stats;
            try
            {
                _now = new(_options.Read());
                LogRead(_log, _now.Statement);
            }
            catch (BtxException e)
            {
                LogProblem(_log, e.Message);
            }

            return _now;
        }
    }

    private FileStat?[] Stats() => [.. _options.Files.Select(KeyRing.StatOf)];

    [LoggerMessage(Level = LogLevel.Warning, Message = "the certificate was read again: {Statement}")]
    private static partial void LogRead(ILogger logger, string statement);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Problem}; the certificate that was read before stays in use")]
    private static partial void LogProblem(ILogger logger, string problem);

    /// <summary>What handshakes need, made once.</summary>
    private sealed class Material(TlsFiles files)
    {
        private readonly SslStreamCertificateContext _context = SslStreamCertificateContext.Create(files.Own, files.Chain, offline: true);
        private readonly X509ChainPolicy? _clients =
            files.ClientRoots is null ? null : TlsOptions.TrustIn(files.ClientRoots, ClientPurpose);

        public string Statement =>
            BtxException.OneLine($"{files.Own.Subject} until {files.Own.NotAfter.ToUniversalTime():yyyy-MM-dd HH:mm}");

        public SslServerAuthenticationOptions Options(List<SslApplicationProtocol> protocols, TlsOptions options) => new()
        {
            ServerCertificateContext = _context,
            ApplicationProtocols = protocols,
            ClientCertificateRequired = _clients is not null,
            CertificateChainPolicy = _clients?.Clone(),
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = _clients is null ? null : (_, certificate, _, errors) =>
                certificate is null ? options.ClientsMayHaveNone : errors == SslPolicyErrors.None,
        };
    }
}
