using System.Net;
using System.Net.Http.Json;
using System.Text;
using Btx.Model;
using Btx.Server.Listeners;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace Btx.Server.Tests.Listeners;

/// <summary>What holds for every request, whatever it asks for.</summary>
public sealed class ListenerTests
{
    [Fact]
    public async Task A_failure_after_the_first_token_is_an_event_and_counted()
    {
        await using var server = await RunningServer.StartAsync();
        server.Engine.Failure = new InvalidOperationException("secret");
        using var response = await server.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "the", stream = true },
            TestContext.Current.CancellationToken);
        var events = (await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).Split("\n\n",
            StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, events.Length);
        Assert.Equal(
            """data: {"error":{"message":"internal error; the server's log says more","type":"server_error","param":null,"code":null}}""",
            events[1]);
        using var call = server.Inference.Generate(new() { Prompt = new() { Text = "the" } });
        Assert.True(await call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Internal, (await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default))).StatusCode);
        var page = await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
        Assert.Contains("btx_refusals_total{door=\"http\",reason=\"internal\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_refusals_total{door=\"grpc\",reason=\"internal\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("process_cpu_seconds_total ", page, StringComparison.Ordinal);
        Assert.Matches("btx_build_info{version=\"[^\"]+\",runtime=\"[.]NET [^\"]+\"} 1\n", page);
    }

    [Fact]
    public async Task Each_answer_has_a_request_id()
    {
        await using var server = await RunningServer.StartAsync();
        using var response = await server.Http.GetAsync("/v1/models", TestContext.Current.CancellationToken);
        Assert.Matches("^[0-9a-f]{32}$", response.Headers.GetValues("x-request-id").Single());
        using var call = server.Inference.DescribeAsync(new(), new Metadata { { "x-request-id", "mine-1" } });
        Assert.Equal("mine-1", (await call.ResponseHeadersAsync).GetValue("x-request-id"));
    }

    [Fact]
    public async Task A_header_that_is_not_UTF8_is_ignored_and_ends_no_other_call()
    {
        await using var server = await RunningServer.StartAsync();
        SocketsHttpHandler Sender() => new() { RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1 };
        using var channel = GrpcChannel.ForAddress(server.GrpcAddress, new() { HttpHandler = Sender(), DisposeHttpClient = true });
        var health = new Health.HealthClient(channel);
        using var watch = health.Watch(new());
        Assert.True(await watch.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        using var call = health.CheckAsync(new(), new Metadata { { "x-user-name", "José" }, { "x-request-id", "é" } });
        Assert.Matches("^[0-9a-f]{32}$", (await call.ResponseHeadersAsync).GetValue("x-request-id"));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await call).Status);
        var stopping = server.StopAsync();
        Assert.True(await watch.ResponseStream.MoveNext(TestContext.Current.CancellationToken)); // that it no longer serves
        await stopping;
    }

    [Fact]
    public async Task A_header_that_is_not_UTF8_is_ignored_over_HTTP()
    {
        await using var server = await RunningServer.StartAsync();
        using var http = new HttpClient(new SocketsHttpHandler { RequestHeaderEncodingSelector = (_, _) => Encoding.Latin1 });
        http.DefaultRequestHeaders.TryAddWithoutValidation("x-user-name", "José");
        using var answer = await http.GetAsync($"{server.HttpAddress}/v1/models", TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.2", true)]
    [InlineData("[::1]", true)]
    [InlineData("localhost", true)]
    [InlineData("a.localhost", true)]
    [InlineData("api.example.com", true)]
    [InlineData("one.internal", true)]
    [InlineData("", true)]
    [InlineData("internal", false)]
    [InlineData("example.com", false)]
    [InlineData("127.0.0.1.example.com", false)]
    [InlineData("192.0.2.1", false)]
    public void A_listener_takes_the_names_that_are_its_own(string host, bool allowed)
    {
        Assert.Equal(allowed, Hosts("127.0.0.1").Contains(host));
        if (IPAddress.TryParse(host, out _)) Assert.True(Hosts("0.0.0.0").Contains(host));
    }

    [Fact]
    public void What_is_no_host_is_refused_at_start() =>
        Assert.Contains("without scheme and port", Assert.Throws<BtxException>(() => new AllowedHosts(["https://a.example"])).Message,
        StringComparison.Ordinal);

    [Fact]
    public void Connections_follow_from_the_limit_of_open_files()
    {
        Assert.Equal(1682, ConnectionLimit.Of(4096, 214, 2));
        Assert.Equal(1120, ConnectionLimit.Of(4096, 214, 3));
        Assert.Equal(8192, ConnectionLimit.Of(ulong.MaxValue, 214, 2));
        Assert.Contains("has 250 open: too few", Assert.Throws<BtxException>(() => ConnectionLimit.Of(300, 250, 2)).Message,
            StringComparison.Ordinal);
    }

    private static AllowedHosts Hosts(string listen) =>
        new(["api.example.com", "*.internal"], new Server.Lifetime.ListenAddress("--http", new(IPAddress.Parse(listen), 1)));
}
