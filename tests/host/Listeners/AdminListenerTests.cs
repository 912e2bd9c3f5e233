using System.Net;
using System.Net.Http.Json;
using Btx.Client;
using Btx.Server.Access;
using Btx.Server.Rpc;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1Alpha;

namespace Btx.Server.Tests.Listeners;

/// <summary>A listener of its own for administration, without TLS: HTTP/1.1 and HTTP/2 at one port.</summary>
public sealed class AdminListenerTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private GrpcChannel _admin = null!;
    private HttpClient _http = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(change: RunningServer.WithAdmin);
        _admin = GrpcChannel.ForAddress(_server.Urls.Admin!);
        _http = new() { BaseAddress = new(_server.Urls.Admin!) };
    }

    public async ValueTask DisposeAsync()
    {
        _admin.Dispose();
        _http.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task It_alone_administers_and_observes()
    {
        var forest = new V1.Forest.ForestClient(_admin);
        Assert.Equal(3, (await forest.ListExpertsAsync(new(), cancellationToken: Stop)).Experts.Count);
        Assert.Equal(StatusCode.Unimplemented, (await Assert.ThrowsAsync<RpcException>(async () =>
            await _server.Forest.ListExpertsAsync(new(), cancellationToken: Stop))).StatusCode);
        using var remote = new BtxClient(_server.Urls.Admin!);
        Assert.StartsWith("there is no such service or method here; reflection",
            (await Assert.ThrowsAsync<BtxCallException>(() => remote.DescribeAsync(Stop))).Message, StringComparison.Ordinal);
        foreach (var path in new[] { "/metrics", "/v1/forest" })
        {
            Assert.Equal(HttpStatusCode.OK, (await _http.GetAsync(path, Stop)).StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, (await _server.Http.GetAsync(path, Stop)).StatusCode);
        }

        Assert.Contains("btx_refusals_total{door=\"grpc\",reason=\"unsupported\"} 1\n", await _http.GetStringAsync("/metrics", Stop),
            StringComparison.Ordinal);
        using var reflection = new ServerReflection.ServerReflectionClient(_admin).ServerReflectionInfo(cancellationToken: Stop);
        await reflection.RequestStream.WriteAsync(new() { ListServices = "" }, Stop);
        Assert.True(await reflection.ResponseStream.MoveNext(Stop));
        Assert.Contains(reflection.ResponseStream.Current.ListServicesResponse.Service, one => one.Name == "btx.v1.Forest");
        using var open = new ServerReflection.ServerReflectionClient(_server.Channel).ServerReflectionInfo(cancellationToken: Stop);
        Assert.Equal(StatusCode.Unimplemented,
            (await Assert.ThrowsAsync<RpcException>(() => open.ResponseStream.MoveNext(Stop))).StatusCode);
    }

    [Fact]
    public async Task It_generates_nothing_and_every_listener_tells_of_health()
    {
        var body = new { model = "forest", prompt = "the", max_tokens = 1 };
        Assert.Equal(HttpStatusCode.NotFound, (await _http.PostAsJsonAsync("/v1/completions", body, Stop)).StatusCode);
        Assert.Equal(HttpStatusCode.NotFound, (await _http.GetAsync("/v1/models", Stop)).StatusCode);
        Assert.Equal(StatusCode.Unimplemented, (await Assert.ThrowsAsync<RpcException>(async () =>
            await new V1.Inference.InferenceClient(_admin).DescribeAsync(new(), cancellationToken: Stop))).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await _server.Http.PostAsJsonAsync("/v1/completions", body, Stop)).StatusCode);
        Assert.Equal(3, (await _server.Inference.DescribeAsync(new(), cancellationToken: Stop)).Experts.Count);
        async Task<string> OverHttp2(string address)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, $"{address}/v1/completions")
            { Version = HttpVersion.Version20, VersionPolicy = HttpVersionPolicy.RequestVersionExact };
            using var response = await _http.SendAsync(request, Stop);
            return await response.Content.ReadAsStringAsync(Stop);
        }

        Assert.StartsWith("over HTTP/2 this port speaks gRPC; /v1/forest", await OverHttp2(_server.Urls.Admin!), StringComparison.Ordinal);
        Assert.EndsWith("/v1/forest and /metrics at that of --admin\n", await OverHttp2(_server.GrpcAddress), StringComparison.Ordinal);
        foreach (var http in new[] { _http, _server.Http })
            Assert.Equal("""{"status":"serving"}""", await http.GetStringAsync("/health", Stop));
        foreach (var channel in new[] { _admin, _server.Channel })
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving,
                (await new Health.HealthClient(channel).CheckAsync(new(), cancellationToken: Stop)).Status);
    }

    [Theory]
    [InlineData("PRI * HTTP/1.1\r\nhost: localhost\r\n\r\n", "HTTP/1.1 4")]
    [InlineData("PR", "")]
    [InlineData("GET /health HTTP/1.1\r\nhost: evil.example\r\n\r\n", "HTTP/1.1 403 ")]
    [InlineData("GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n", "HTTP/1.1 200 ")]
    public async Task What_begins_like_another_protocol_ends_well(string sent, string answer)
    {
        using var socket = await Answer.ConnectAsync(new(_server.Urls.Admin!));
        foreach (var one in sent) await Answer.SendAsync(socket, new[] { (byte)one }); // a byte at a time
        Answer.EndSending(socket);
        Assert.StartsWith(answer, (await Answer.ReadAsync(socket)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Many_connections_that_say_nothing_leave_health_answered_and_the_server_stops()
    {
        await using var server = await RunningServer.StartAsync(connections: 3, change: RunningServer.WithAdmin);
        var admin = new Uri(server.Urls.Admin!);
        var silent = new List<System.Net.Sockets.Socket>();
        for (var i = 0; i < 12; i++) silent.Add(await Answer.ConnectAsync(admin));
        using var channel = GrpcChannel.ForAddress(admin);
        await Patience.UntilAsync(async () =>
        {
            try
            {
                return (await new Health.HealthClient(channel).CheckAsync(new(), cancellationToken: Stop)).Status
                    == HealthCheckResponse.Types.ServingStatus.Serving;
            }
            catch (RpcException)
            {
                return false; // of the reserve, one that is slow makes room for the next
            }
        }, () => "health");
        await server.StopAsync().WaitAsync(TimeSpan.FromSeconds(20), Stop);
        silent.ForEach(socket => socket.Dispose());
    }

    [Fact]
    public async Task Changes_without_a_key_need_a_listener_on_loopback_and_it_is_the_one_of_administration()
    {
        var grpc = new Server.Lifetime.ListenAddress("--grpc", new(IPAddress.Any, 1));
        var admin = new Server.Lifetime.ListenAddress("--admin", new(IPAddress.Loopback, 2));
        var everywhere = admin with { EndPoint = new(IPAddress.Any, 3) };
        var access = new AccessOptions { UnauthenticatedAdmin = true, Insecure = true };
        access.Open(grpc, grpc, admin);
        Assert.StartsWith("--allow-unauthenticated-admin and --admin 0.0.0.0:3",
            Assert.Throws<Model.BtxException>(() => access.Open(admin, admin, everywhere)).Message, StringComparison.Ordinal);
        using var files = new KeyFiles();
        var key = files.Add("admin");
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys }, change: RunningServer.WithAdmin);
        using var channel = GrpcChannel.ForAddress(server.Urls.Admin!);
        var request = new V1.CreateAverageRequest { By = new() { Author = "ada", Reason = "a test" }, Name = "tales", Domain = "novels" };
        using var refused = new V1.Forest.ForestClient(channel).CreateAverage(request, cancellationToken: Stop);
        Assert.Equal(StatusCode.Unauthenticated,
            (await Assert.ThrowsAsync<RpcException>(() => refused.ResponseStream.MoveNext(Stop))).StatusCode);
        using var made = new V1.Forest.ForestClient(channel).CreateAverage(request, new Metadata { { "x-api-key", key } },
            cancellationToken: Stop);
        await made.ResponseStream.ReadAllAsync(Stop).ToListAsync(Stop);
        Assert.Equal(1, server.Registry.State.Revision);
    }
}
