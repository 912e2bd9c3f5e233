using System.Net.Sockets;
using System.Text;
using Btx.Server.Lifetime;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;

namespace Btx.Server.Tests.Listeners;

/// <summary>A port that has as many busy connections as it takes: the server is well, and says so.</summary>
public sealed class ConnectionLimitTests : IAsyncLifetime
{
    private const int Connections = 4;
    private readonly List<Socket> _busy = [];
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync(connections: Connections, change: (ServerOptions options) =>
            options with { Transport = options.Transport with { BodyRate = 0 } }); // nothing ends for being slow
        for (var i = 0; i < Connections; i++)
        {
            _busy.Add(await Answer.ConnectAsync(new(_server.HttpAddress)));
            await _busy[i].SendAsync(Encoding.ASCII.GetBytes("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n"
                + "content-type: application/json\r\ncontent-length: 400\r\n\r\n{"));
        }

        await Task.Delay(200);
    }

    public async ValueTask DisposeAsync()
    {
        _busy.ForEach(socket => socket.Dispose());
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Health_is_answered_and_nothing_else()
    {
        for (var i = 0; i < 20; i++)
        {
            foreach (var path in new[] { "/health/live", "/health/ready", "/health" })
                Assert.Equal(200, (await AskAsync($"GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n")).Status);
            var full = await AskAsync("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n");
            Assert.Equal((503, true), (full.Status, IsError(full)));
        }
    }

    [Fact]
    public async Task A_broken_engine_is_told_from_a_full_port()
    {
        _server.Engine.Problem = "the engine has failed: a reason";
        var answer = await AskAsync("HEAD /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n");
        Assert.Equal((503, true), (answer.Status, answer.Text.Contains("x-request-id", StringComparison.Ordinal)));
        Assert.Contains("a reason", (await AskAsync("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")).Text,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("GET /health/live HTTP/1.1\r\nhost: localhost\r\ncontent-length: 9\r\n\r\n")]
    [InlineData("GET /health/live HTTP/1.1\r\nhost: local")]
    [InlineData("GET /hea")]
    [InlineData("")]
    public async Task One_that_would_hold_the_reserve_is_refused(string sent)
    {
        Assert.Equal(503, (await AskAsync(sent)).Status);
        Assert.DoesNotContain("x-request-id", (await AskAsync(sent)).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_of_the_reserve_is_the_last_of_its_connection()
    {
        var answer = await AskAsync("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"
            + "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n");
        Assert.Equal(2, answer.Text.Split("HTTP/1.1 ").Length);
        Assert.Contains("connection: close", answer.Text, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Many_that_say_nothing_do_not_use_the_reserve_up()
    {
        for (var i = 0; i < 40; i++) _busy.Add(await Answer.ConnectAsync(new(_server.HttpAddress)));
        Assert.Equal(200, (await AskAsync("GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n")).Status);
        var full = await Answer.ReadAsync(_busy[^1]);
        Assert.Equal((503, true), (full.Status, IsError(full)));
    }

    [Fact]
    public async Task Health_over_gRPC_is_answered_and_nothing_else()
    {
        var channels = Enumerable.Range(0, Connections).Select(_ => GrpcChannel.ForAddress(_server.GrpcAddress)).ToList();
        foreach (var channel in channels) await new V1.Forest.ForestClient(channel).Watch(new()).ResponseHeadersAsync;
        for (var i = 0; i < 6; i++)
        {
            _busy.Add(await Answer.ConnectAsync(new(_server.GrpcAddress))); // and says nothing
            using var health = GrpcChannel.ForAddress(_server.GrpcAddress);
            var check = await new Health.HealthClient(health).CheckAsync(new());
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, check.Status);
            using var other = GrpcChannel.ForAddress(_server.GrpcAddress);
            var inference = new Inference.InferenceClient(other);
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await inference.DescribeAsync(new()));
            Assert.Equal((StatusCode.Unavailable, "as many connections are open as this port takes; try again"),
                (refused.StatusCode, refused.Status.Detail));
        }

        channels.ForEach(channel => channel.Dispose());
    }

    [Fact]
    public async Task Health_checks_over_gRPC_that_do_not_end_give_the_reserve_back()
    {
        var ct = TestContext.Current.CancellationToken;
        var channels = Enumerable.Range(0, Connections + 3).Select(_ => GrpcChannel.ForAddress(_server.GrpcAddress)).ToList();
        foreach (var channel in channels[..Connections]) await new V1.Forest.ForestClient(channel).Watch(new()).ResponseHeadersAsync;
        var raw = Marshallers.Create(bytes => bytes, bytes => bytes);
        var check = new Method<byte[], byte[]>(MethodType.ClientStreaming, "grpc.health.v1.Health", "Check", raw, raw);
        var unended = new List<Task>();
        foreach (var channel in channels[Connections..])
        {
            var call = channel.CreateCallInvoker().AsyncClientStreamingCall(check, null, default);
            unended.Add(call.ResponseAsync);
            await Record.ExceptionAsync(() => call.RequestStream.WriteAsync([], ct)); // one that was refused already holds nothing
            await Task.Delay(600, ct); // it has asked before the next comes
        }

        using var other = GrpcChannel.ForAddress(_server.GrpcAddress);
        var health = await new Health.HealthClient(other).CheckAsync(new(), deadline: DateTime.UtcNow.AddSeconds(30));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, health.Status);
        foreach (var call in unended) await Assert.ThrowsAsync<RpcException>(() => call.WaitAsync(ct));
        channels.ForEach(channel => channel.Dispose());
    }

    [Fact]
    public async Task It_shuts_down()
    {
        for (var i = 0; i < 10; i++) _busy.Add(await Answer.ConnectAsync(new(_server.HttpAddress)));
        await _server.StopAsync().WaitAsync(TimeSpan.FromSeconds(20), TestContext.Current.CancellationToken);
    }

    /// <summary>Clients read the words of an answer that is an error.</summary>
    private static bool IsError(Answer answer) => answer.Text.EndsWith(
        """{"error":{"message":"as many connections are open as this port takes; try again","type":"server_error","param":null,"code":"server_busy"}}""",
        StringComparison.Ordinal);

    private Task<Answer> AskAsync(string sent) => Answer.OfBytesAsync(new(_server.HttpAddress), Encoding.ASCII.GetBytes(sent));
}
