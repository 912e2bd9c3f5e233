using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Btx.Model;
using Btx.Cli;
using Btx.Server.Lifetime;
using Btx.Server.Verbs;

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
        var (listening, command) = (new ListenFlags(), new Command("serve"));
        command.Add([.. listening.All]);
        Problems problems = ["--slots is 0"];
        var parsed = command.Parse(["--http", "nowhere", "--grpc", "127.0.0.1:99999", "--connections", "0", "--tls-key", "key.pem"]);
        listening.Read(parsed, problems).Check(problems);
        var failure = Assert.Throws<BtxException>(problems.Throw);
        Assert.All(["--http", "--grpc", "--connections", "--tls-cert is missing", "--slots"],
            option => Assert.Contains(option, failure.Message, StringComparison.Ordinal));
        Assert.DoesNotContain('\n', failure.Message);
    }

    /// <summary>Of who may use the server, too: names, sites, keys, tokens, files.</summary>
    [Fact]
    public void Every_fault_of_access_is_reported_at_once()
    {
        var (access, command) = (new AccessFlags(), new Command("serve"));
        command.Add([.. access.All]);
        Problems problems = [];
        var options = new ServerOptions
        {
            Http = ListenAddress.Parse("--http", "0.0.0.0:1"),
            Grpc = ListenAddress.Parse("--grpc", "127.0.0.1:2"),
            Tls = new("/no/cert", "/no/tls-key", ClientCaFile: "/no/ca"),
            Access = access.ReadAccess(command.Parse(["--cors-origins", "nowhere,https://a.example/path", "--allowed-hosts",
                "a b,https://c", "--keys", "/no/keys", "--jwt-key", "/no/jwt", "--audit", "/no/audit", "--admin-key-file", "/no/key",
                "--insecure", "--jwt-issuer", "i"]), problems),
        };
        options.Check(problems);
        Assert.All(["\"nowhere\"", "\"https://a.example/path\"", "--allowed-hosts a b", "--allowed-hosts https://c", "--keys /no/keys",
            "--audit /no/audit", "--admin-key-file /no/key", "--insecure is given beside", "--jwt-audience is missing",
            "--jwt-key /no/jwt", "--tls-cert /no/cert", "--tls-key /no/tls-key",
            "--tls-client-ca /no/ca"], fault => Assert.Single(problems.SelectMany(p => p.Split("; ")), p => p.Contains(fault)));
    }

    [Fact]
    public void Each_listener_needs_a_port()
    {
        var same = ListenAddress.Parse("--http", "127.0.0.1:8080");
        Problems problems = [];
        new ServerOptions { Http = same, Grpc = ListenAddress.Parse("--grpc", "127.0.0.1:1"), Admin = same with { Option = "--admin" } }
            .Check(problems);
        Assert.Equal(["--http and --admin name port 8080; each needs its own"], problems);
    }

    [Fact]
    public async Task A_port_in_use_is_named_with_the_remedy()
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
        await using var app = ServerApplication.Build(options, new(new(new Fakes.FakeEngine(tokenizer), tokenizer)),
            new(Prometheus.Metrics.NewCustomRegistry()));
        var failure = await Assert.ThrowsAsync<BtxException>(() => app.OpenAsync(options, TestContext.Current.CancellationToken));
        Assert.Equal($"--grpc 127.0.0.1:{port}: port {port} is in use; stop the program that listens there or choose another port",
            failure.Message);
    }
}
