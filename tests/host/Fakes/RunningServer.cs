using System.Net;
using Btx.Model.Tokens;
using Btx.Server.Lifetime;
using Btx.Server.Metrics;
using Btx.V1;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;

namespace Btx.Server.Tests.Fakes;

/// <summary>The server on free loopback ports, in front of a <see cref="FakeEngine"/>.</summary>
internal sealed class RunningServer : IAsyncDisposable
{
    private readonly WebApplication _app;

    private RunningServer(WebApplication app, FakeEngine engine, TextTokenizer tokenizer, string http, string grpc)
    {
        (_app, Engine, Tokenizer, HttpAddress, GrpcAddress) = (app, engine, tokenizer, http, grpc);
        Http = new HttpClient { BaseAddress = new Uri(http) };
        Channel = GrpcChannel.ForAddress(grpc);
        Inference = new(Channel);
    }

    public static TextTokenizer SomeTokenizer { get; } = BpeTrainer.Train(["the fox jumps over the lazy dog, and the dog sleeps. the end."], 300, ["<|endoftext|>"]);

    public FakeEngine Engine { get; }

    public TextTokenizer Tokenizer { get; }

    public string HttpAddress { get; }

    public string GrpcAddress { get; }

    public HttpClient Http { get; }

    public GrpcChannel Channel { get; }

    public Inference.InferenceClient Inference { get; }

    public static async Task<RunningServer> StartAsync(TimeSpan? shutdownLimit = null)
    {
        var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
        var engine = new FakeEngine(SomeTokenizer, metrics);
        var options = new ServerOptions
        {
            Http = new("--http", new(IPAddress.Loopback, 0)),
            Grpc = new("--grpc", new(IPAddress.Loopback, 0)),
            ShutdownLimit = shutdownLimit ?? TimeSpan.FromSeconds(20),
            Limits = new() { PromptCharacters = 1000, BodyBytes = 65536 },
        };
        var app = ServerApplication.Build(options, engine, SomeTokenizer, metrics);
        var (http, grpc) = await app.OpenAsync(options, TestContext.Current.CancellationToken);
        return new(app, engine, SomeTokenizer, http, grpc);
    }

    public Task StopAsync() => _app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        Http.Dispose();
        Channel.Dispose();
        await _app.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
