using System.Net;
using System.Net.Http.Json;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;
using Btx.Client;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Listeners;
using Btx.Server.Rpc;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace Btx.Server.Tests.Listeners;

/// <summary>Certificates of the server and of its clients, at every port.</summary>
[System.Runtime.Versioning.SupportedOSPlatform("linux")]
public sealed class TlsTests : IDisposable
{
    private readonly TestCertificates _certificates = new();
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => _certificates.Dispose();

    [Fact]
    public async Task Every_port_has_it_and_agrees_on_its_own_protocol()
    {
        await using var server = await StartAsync(_certificates.Server);
        Assert.All([server.Urls.Http, server.Urls.Grpc, server.Urls.Admin!],
            url => Assert.StartsWith("https://", url, StringComparison.Ordinal));
        Assert.Equal("http/1.1", await ProtocolAsync(server.Urls.Http, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11));
        Assert.Equal("h2", await ProtocolAsync(server.Urls.Grpc, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11));
        Assert.Equal("http/1.1", await ProtocolAsync(server.Urls.Admin!, SslApplicationProtocol.Http2, SslApplicationProtocol.Http11));
        Assert.Equal("h2", await ProtocolAsync(server.Urls.Admin!, SslApplicationProtocol.Http2)); // as clients of gRPC ask
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/v1/models", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync($"{server.Urls.Admin}/metrics", Stop)).StatusCode);
        Assert.Equal(3, (await server.Inference.DescribeAsync(new(), cancellationToken: Stop)).Experts.Count);
        await using (var none = await OpenAsync(server.Urls.Grpc)) // of no protocol
            await Assert.ThrowsAsync<IOException>(() => none.ReadExactlyAsync(new byte[1], Stop).AsTask());
        Assert.DoesNotContain(server.Log.All, line => line.Contains("Kestrel", StringComparison.Ordinal));
        using var http = new HttpClient();
        await Assert.ThrowsAnyAsync<HttpRequestException>(() =>
            http.GetAsync(server.HttpAddress.Replace("https", "http", StringComparison.Ordinal) + "/health", Stop));
    }

    [Fact]
    public async Task The_command_lines_client_needs_the_CA_and_says_so()
    {
        await using var server = await StartAsync(_certificates.Server);
        var options = new BtxClientOptions { Address = server.GrpcAddress, AddressName = "--server", Tls = new(_certificates.Ca) };
        using var known = new BtxClient(options);
        Assert.Equal(3, (await known.DescribeAsync(Stop)).Experts.Count);
        using var unknown = new BtxClient(server.GrpcAddress);
        Assert.Contains("name the CA of its certificate (--server-ca FILE",
            (await Assert.ThrowsAsync<BtxCallException>(() => unknown.DescribeAsync(Stop))).Message, StringComparison.Ordinal);
        using var wrong = new BtxClient(options with { Address = server.HttpAddress });
        Assert.Contains("it is the HTTP port of a server",
            (await Assert.ThrowsAsync<BtxCallException>(() => wrong.DescribeAsync(Stop))).Message, StringComparison.Ordinal);
        Assert.Contains("--server-ca", Assert.Throws<BtxCallException>(() => new BtxClient(options with { Tls = new("/nowhere") })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Files_that_change_are_read_again_and_broken_ones_change_nothing()
    {
        await using var server = await StartAsync(_certificates.Server);
        using var watch = new Health.HealthClient(server.Channel).Watch(new(), cancellationToken: Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Equal("CN=first", await SubjectAsync(server));
        _certificates.ReplaceServer("CN=second");
        Assert.Equal("CN=second", await SubjectAsync(server));
        await File.WriteAllTextAsync(_certificates["server.pem"], "-----BEGIN CERTIFICATE-----\nno\n", Stop);
        for (var i = 0; i < 3; i++) Assert.Equal("CN=second", await SubjectAsync(server));
        Assert.Single(server.Log.All, line => line.Contains("the certificate that was read before stays in use", StringComparison.Ordinal));
        File.Delete(_certificates["server.key"]);
        Assert.Equal("CN=second", await SubjectAsync(server));
        _certificates.ReplaceServer("CN=third");
        Assert.Equal("CN=third", await SubjectAsync(server));
        _certificates.ReplaceServer("CN=late", until: DateTimeOffset.UtcNow.AddHours(-1));
        Assert.Equal("CN=third", await SubjectAsync(server));
        Assert.Contains(server.Log.All, line => line.Contains("the certificate has expired", StringComparison.Ordinal));
        Assert.Equal(3, (await server.Inference.DescribeAsync(new(), cancellationToken: Stop)).Experts.Count); // by the first connection
        using var silent = await Attacks.Answer.ConnectAsync(new(server.HttpAddress)); // it is not waited for at the end
        server.Engine.Problem = "a reason";
        do Assert.True(await watch.ResponseStream.MoveNext(Stop));
        while (watch.ResponseStream.Current.Status != HealthCheckResponse.Types.ServingStatus.NotServing);
        var stopping = server.StopAsync();
        Assert.Equal(Attacks.Answer.None, (await Attacks.Answer.ReadAsync(silent)).Status);
        await stopping;
    }

    [Fact]
    public async Task A_client_needs_a_certificate_of_the_CA_and_a_key_all_the_same()
    {
        using var files = new KeyFiles();
        var key = files.Add("generate");
        using var others = new TestCertificates();
        await using var server = await StartAsync(_certificates.Server with { ClientCaFile = _certificates.Ca },
            access: new() { KeyFile = files.Keys, AuditFile = files["audit"] }, client: _certificates.Client());
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/health", Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync("/v1/models", Stop)).StatusCode);
        server.Http.DefaultRequestHeaders.Add("x-api-key", key);
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/v1/models", Stop)).StatusCode);
        using var remote = new BtxClient(new BtxClientOptions { Address = server.GrpcAddress, Key = key, Tls = _certificates.Client() });
        Assert.Equal(3, (await remote.DescribeAsync(Stop)).Experts.Count);
        using var admin = GrpcChannel.ForAddress(server.Urls.Admin!, new() { HttpHandler = _certificates.Client().Handler() });
        var headers = new Metadata { { "x-api-key", key } };
        using var change = new V1.Forest.ForestClient(admin).Rollback(new(), headers, cancellationToken: Stop);
        await Assert.ThrowsAsync<RpcException>(() => change.ResponseStream.MoveNext(Stop));
        await Patience.UntilAsync(() => File.Exists(files["audit"]) && new FileInfo(files["audit"]).Length > 0, "the line");
        Assert.Contains("\"certificate\":\"CN=a client\"", await File.ReadAllTextAsync(files["audit"], Stop), StringComparison.Ordinal);
        ClientTls[] strangers = [new(_certificates.Ca), others.Client(_certificates)];
        foreach (var stranger in strangers)
        {
            foreach (var url in new[] { server.Urls.Http, server.Urls.Admin! }) await RefusedAsync(stranger, url);
            using var refused = new BtxClient(new BtxClientOptions { Address = server.GrpcAddress, Key = key, Tls = stranger });
            await Assert.ThrowsAsync<BtxCallException>(() => refused.DescribeAsync(Stop));
        }
    }

    [Fact]
    public async Task Certificates_of_clients_may_be_allowed_only()
    {
        using var others = new TestCertificates();
        await using var server = await StartAsync(_certificates.Server with { ClientCaFile = _certificates.Ca, ClientsMayHaveNone = true });
        Assert.Equal(HttpStatusCode.OK, (await server.Http.GetAsync("/health", Stop)).StatusCode);
        using var known = new HttpClient(_certificates.Client().Handler());
        Assert.Equal(HttpStatusCode.OK, (await known.GetAsync($"{server.HttpAddress}/health", Stop)).StatusCode);
        await RefusedAsync(others.Client(_certificates), server.HttpAddress);
    }

    [Fact]
    public async Task A_PFX_and_its_password_will_do_and_so_will_a_key_with_one()
    {
        var tls = new TlsOptions(_certificates.Pfx("p w"), null, _certificates.Secret("password", "p w\n"));
        await using var server = await StartAsync(tls);
        Assert.Equal("CN=pfx", await SubjectAsync(server));
        _certificates.ReplaceServer("CN=locked", "p w");
        var locked = _certificates.Server;
        Assert.Equal("CN=locked", (locked with { PasswordFile = tls.PasswordFile }).Read().Own.Subject);
        Assert.Contains("the key's password is missing or wrong", Problem(locked), StringComparison.Ordinal);
        Assert.Contains("--tls-password-file is missing or wrong", Problem(tls with { PasswordFile = null }), StringComparison.Ordinal);
        Assert.Contains("--tls-password-file is missing or wrong",
            Problem(tls with { PasswordFile = _certificates.Secret("wrong", "pw") }), StringComparison.Ordinal);
    }

    [Fact]
    public void What_cannot_be_used_is_told_at_start()
    {
        var server = _certificates.Server;
        Assert.Contains("is PEM: --tls-key is missing", Problem(server with { KeyFile = null }), StringComparison.Ordinal);
        Assert.Contains("are no certificate and its key",
            Problem(server with { KeyFile = _certificates.Client().CertificateFile }), StringComparison.Ordinal);
        Assert.Contains("holds no certificate", Problem(server with { CertificateFile = server.KeyFile }), StringComparison.Ordinal);
        Assert.Contains("--tls-client-ca", Problem(server with { ClientCaFile = "/nowhere" }), StringComparison.Ordinal);
        Assert.Contains("--tls-client-ca is missing", Problem(server with { ClientsMayHaveNone = true }), StringComparison.Ordinal);
        Assert.Contains("--tls-cert is missing", Problem(new(KeyFile: server.KeyFile)), StringComparison.Ordinal);
        _certificates.ReplaceServer("CN=late", until: DateTimeOffset.UtcNow.AddHours(-1));
        Assert.Contains("the certificate has expired, on 20", Problem(server), StringComparison.Ordinal);
        _certificates.ReplaceServer("CN=a client", purpose: TestCertificates.ClientPurpose);
        Assert.Contains("not one for servers", Problem(server), StringComparison.Ordinal);
        File.SetUnixFileMode(server.KeyFile!, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Contains("chmod 600", Problem(server), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_port_answers_health_and_a_client_that_closed_its_side_is_answered()
    {
        await using var server = await RunningServer.StartAsync(connections: 1, tls: new(_certificates.Ca),
            change: options => options with { Tls = _certificates.Server });
        var release = new TaskCompletionSource();
        server.Engine.Hold = release.Task;
        await using var busy = await OpenAsync(server.HttpAddress);
        byte[] request = [
            .. "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 34\r\n"u8,
            .. "connection: close\r\n\r\n{\"model\":\"forest\",\"prompt\":\"the\"}  "u8];
        await busy.WriteAsync(request, Stop);
        await server.Engine.Holding;
        await busy.ShutdownAsync(); // close_notify; it still reads
        await using (var health = await OpenAsync(server.HttpAddress))
        {
            await health.WriteAsync(Encoding.ASCII.GetBytes("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n"), Stop);
            Assert.StartsWith("HTTP/1.1 200 ", await new StreamReader(health).ReadToEndAsync(Stop), StringComparison.Ordinal);
        }

        await using (var other = await OpenAsync(server.HttpAddress))
        {
            await other.WriteAsync(Encoding.ASCII.GetBytes("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n"), Stop);
            Assert.StartsWith("HTTP/1.1 503 ", await new StreamReader(other).ReadToEndAsync(Stop), StringComparison.Ordinal);
        }

        release.SetResult();
        Assert.Contains("\"finish_reason\"", await new StreamReader(busy).ReadToEndAsync(Stop), StringComparison.Ordinal);
    }

    private static Task<RunningServer> StartAsync(TlsOptions tls, AccessOptions? access = null, ClientTls? client = null) =>
        RunningServer.StartAsync(access: access, tls: client ?? new(Path.Combine(Path.GetDirectoryName(tls.CertificateFile)!, "ca.pem")),
            change: options => RunningServer.WithAdmin(options) with { Tls = tls });

    private static string Problem(TlsOptions tls) => Assert.Throws<BtxException>(() => tls.Read()).Message;

    private static async Task RefusedAsync(ClientTls client, string url)
    {
        using var http = new HttpClient(client.Handler());
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => http.GetAsync($"{url}/health", Stop));
    }

    private async Task<SslStream> OpenAsync(string url, params SslApplicationProtocol[] protocols)
    {
        using var trusted = new ClientTls(_certificates.Ca).Handler();
        var tcp = new TcpClient();
        await tcp.ConnectAsync(IPAddress.Loopback, new Uri(url).Port, Stop);
        var tls = new SslStream(tcp.GetStream());
        await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [.. protocols],
            CertificateChainPolicy = trusted.SslOptions.CertificateChainPolicy,
        }, Stop);
        return tls;
    }

    private async Task<string> ProtocolAsync(string url, params SslApplicationProtocol[] protocols)
    {
        await using var tls = await OpenAsync(url, protocols);
        return tls.NegotiatedApplicationProtocol.ToString();
    }

    private async Task<string> SubjectAsync(RunningServer server)
    {
        await using var tls = await OpenAsync(server.HttpAddress);
        return tls.RemoteCertificate!.Subject;
    }
}
