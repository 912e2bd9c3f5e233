using System.Net;
using System.Net.Sockets;
using Btx.Model;
using Btx.Server.Lifetime;

namespace Btx.Server.Tests.Lifetime;

/// <summary>Start-up options and ports.</summary>
public sealed class ServerOptionsTests
{
    [Theory]
    [InlineData("127.0.0.1:8080", "127.0.0.1:8080")]
    [InlineData("localhost:0", "127.0.0.1:0")]
    [InlineData("[::1]:81", "[::1]:81")]
    [InlineData("0.0.0.0:65535", "0.0.0.0:65535")]
    public void Addresses(string text, string expected) => Assert.Equal(expected, ListenAddress.Parse("--http", text).ToString());

    [Theory]
    [InlineData("")]
    [InlineData("8080")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("http://127.0.0.1:8080")]
    [InlineData("::1:81")]
    public void Bad_addresses(string text) => Assert.Contains($"\"{text}\"",
        Assert.Throws<BtxException>(() => ListenAddress.Parse("--http", text)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_fault_is_reported_at_once()
    {
        var failure = Assert.Throws<BtxException>(() =>
            ServerOptions.Bind("nowhere", "127.0.0.1:99999", -1, double.NaN, 0, new(), ["--slots is 0"]));
        Assert.All(["--http", "--grpc", "--shutdown-limit", "--max-body-mb", "--max-prompt-chars", "--slots"],
            option => Assert.Contains(option, failure.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', failure.Message);
    }

    [Fact]
    public void Each_protocol_needs_a_port() =>
        Assert.Contains("8080", Assert.Throws<BtxException>(() =>
        ServerOptions.Bind("127.0.0.1:8080", "127.0.0.1:8080", 1, 1, 1, new(), [])).Message, StringComparison.Ordinal);

    [Fact]
    public void A_port_in_use_is_named_with_the_remedy()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var failure = Assert.Throws<BtxException>(() => new ListenAddress("--grpc", new(IPAddress.Loopback, port)).RequireFree());
        Assert.Equal($"--grpc 127.0.0.1:{port}: port {port} is in use; stop the program that listens there or choose another port",
            failure.Message);
    }

    [Fact]
    public async Task A_port_taken_at_the_last_moment_is_named_too()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;
        var tokenizer = Fakes.RunningServer.SomeTokenizer;
        var options = new ServerOptions
        {
            Http = new("--http", new(IPAddress.Loopback, 0)),
            Grpc = new("--grpc", new(IPAddress.Loopback, port))
        };
        await using var app = ServerApplication.Build(options, new Fakes.FakeEngine(tokenizer), tokenizer,
            new(Prometheus.Metrics.NewCustomRegistry()));
        var failure = await Assert.ThrowsAsync<BtxException>(() => app.OpenAsync(options, TestContext.Current.CancellationToken));
        Assert.Contains($"--grpc 127.0.0.1:{port}: port {port} is in use", failure.Message, StringComparison.Ordinal);
    }
}
