using System.Net;
using Btx.Model.Tokens;
using Btx.Server.Access;
using Btx.Server.Lifetime;
using Btx.Server.Metrics;
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

    private RunningServer(WebApplication app, FakeEngine engine, SampleServed disk, FakeRegistry registry, TextTokenizer tokenizer,
        string http, string grpc)
    {
        (_app, Engine, Disk, Registry, Tokenizer, HttpAddress, GrpcAddress) = (app, engine, disk, registry, tokenizer, http, grpc);
        Http = new HttpClient { BaseAddress = new Uri(http) };
        Channel = GrpcChannel.ForAddress(grpc);
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

    public string HttpAddress { get; }

    public string GrpcAddress { get; }

    public HttpClient Http { get; }

    public GrpcChannel Channel { get; }

    public Inference.InferenceClient Inference { get; }

    public V1.Forest.ForestClient Forest { get; }

    /// <summary>What is mapped.</summary>
    public IEnumerable<RouteEndpoint> Endpoints =>
        ((IEndpointRouteBuilder)_app).DataSources.SelectMany(source => source.Endpoints).OfType<RouteEndpoint>();

    public static async Task<RunningServer> StartAsync(TimeSpan? shutdownLimit = null, string? adminKey = null, bool withForest = true,
        bool readOnly = false, int? connections = null, TimeSpan? bodyTime = null, AccessOptions? access = null,
        Action<IEndpointRouteBuilder>? map = null, TextTokenizer? tokenizer = null)
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
        var app = ServerApplication.Build(options, engine, tokenizer, metrics, withForest ? registry : null);
        map?.Invoke(app);
        var (http, grpc) = await app.OpenAsync(options, TestContext.Current.CancellationToken);
        return new(app, engine, disk, registry, tokenizer, http, grpc.Replace("0.0.0.0", "127.0.0.1", StringComparison.Ordinal));
    }

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
