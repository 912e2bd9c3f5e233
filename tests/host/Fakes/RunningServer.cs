using System.Net;
using Btx.Client;
using Btx.Model.Tokens;
using Btx.Server.Access;
using Btx.Server.Lifetime;
using Btx.Server.Metrics;
using Btx.Server.Rpc;
using Btx.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Btx.Server.Tests.Fakes;

/// <summary>The server on free loopback ports, in front of a <see cref="FakeEngine"/> and a <see cref="FakeRegistry"/>.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private LoadedForest _forest = null!;

    private RunningServer(WebApplication app, FakeEngine engine, SampleServed disk, FakeRegistry registry, TextTokenizer tokenizer,
        ServerUrls urls, ClientTls? tls)
    {
        (_app, Engine, Disk, Registry, Tokenizer, Urls) = (app, engine, disk, registry, tokenizer, urls);
        Http = new HttpClient((tls ?? new()).Handler()) { BaseAddress = new Uri(HttpAddress) };
        Channel = GrpcChannel.ForAddress(GrpcAddress, new() { HttpHandler = (tls ?? new()).Handler(), DisposeHttpClient = true });
        Inference = new(Channel);
        Forest = new(Channel);
        app.Services.GetRequiredService<ILoggerFactory>().AddProvider(Log);
    }

    /// <summary>What the server logs, in any form.</summary>
    public LogLines Log { get; } = new();

    public static TextTokenizer SomeTokenizer { get; } = BpeTrainer.Train(["the fox jumps over the lazy dog, and the dog sleeps. the end."],
        300, ["<|endoftext|>"]);

    public FakeEngine Engine { get; }

    /// <summary>What <see cref="Registry"/> has on disk.</summary>
    public SampleServed Disk { get; }

    public FakeRegistry Registry { get; }

    public TextTokenizer Tokenizer { get; }

    public ServerUrls Urls { get; }

    public string HttpAddress => Urls.Http;

    public string GrpcAddress => Urls.Grpc;

    public HttpClient Http { get; }

    public GrpcChannel Channel { get; }

    public Inference.InferenceClient Inference { get; }

    public V1.Forest.ForestClient Forest { get; }

    /// <summary>What is mapped.</summary>
    public IEnumerable<RouteEndpoint> Endpoints =>
        ((IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>();

    /// <param name="change">Of the options, last.</param>
    /// <param name="tls">How its clients know it.</param>
    /// <param name="loaded">False: it is loading until <see cref="Load"/> is called.</param>
    public static async Task<RunningServer> StartAsync(TimeSpan? shutdownLimit = null, string? adminKey = null, bool withForest = true,
        bool readOnly = false, int? connections = null, TimeSpan? bodyTime = null, AccessOptions? access = null,
        Action<IEndpointRouteBuilder>? map = null, TextTokenizer? tokenizer = null, Func<ServerOptions, ServerOptions>? change = null,
        ClientTls? tls = null, bool loaded = true)
    {
        tokenizer ??= SomeTokenizer;
        var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
        var engine = new FakeEngine(tokenizer, metrics);
        var disk = new SampleServed();
        var registry = new FakeRegistry(disk);
        var options = new ServerOptions
        {
            Http = new("--http", new(IPAddress.Loopback, 0)),
            Grpc = new("--grpc", new(readOnly ? IPAddress.Any : IPAddress.Loopback, 0)),
            Access = access ?? new()
            {
                AdminKeyHash = adminKey is null ? null : ApiKey.Hash(adminKey),
                UnauthenticatedAdmin = adminKey is null && !readOnly,
                Insecure = readOnly,
            },
            Connections = connections,
            BodyTime = bodyTime ?? TimeSpan.FromMinutes(1),
            ShutdownLimit = shutdownLimit ?? TimeSpan.FromSeconds(20),
            Limits = new() { PromptCharacters = 1000, BodyBytes = 65536 },
        };
        options = change?.Invoke(options) ?? options;
        var forest = new LoadedForest(engine, tokenizer, withForest ? registry : null);
        var app = ServerApplication.Build(options, new(loaded ? forest : null), metrics);
        map?.Invoke(app);
        var urls = await app.OpenAsync(options, TestContext.Current.CancellationToken);
        urls = urls with { Grpc = urls.Grpc.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal) };
        return new(app, engine, disk, registry, tokenizer, urls, tls) { _forest = forest };
    }

    /// <summary>With a context that has room for a chat and its answer: 2048 tokens.</summary>
    public static async Task<RunningServer> StartForChatsAsync()
    {
        var server = await StartAsync();
        server.Engine.Forest = server.Engine.Forest with { ContextLength = 2048 };
        return server;
    }

    /// <summary>With a listener of administration of its own.</summary>
    public static ServerOptions WithAdmin(ServerOptions options) => options with { Admin = new("--admin", new(IPAddress.Loopback, 0)) };

    /// <summary>Of a server that was started without: it is loaded now.</summary>
    public void Load() => _app.Serve(_forest);

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await _app.DisposeAsync();
        await Engine.DisposeAsync();
        Registry.Dispose();
        Disk.Dispose();
    }
}
