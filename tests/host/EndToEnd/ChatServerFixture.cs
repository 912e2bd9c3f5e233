using System.Net;
using Btx.Engine;
using Btx.Fixtures;
using Btx.Server.Access;
using Btx.Server.Lifetime;
using Btx.Server.Metrics;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The server in front of a tiny forest whose experts have a chat template, on free ports of loopback.</summary>
public class ChatServerFixture : IAsyncLifetime
{
    private const string Template = """
        {{- bos_token }}{%- for message in messages %}{{- '[' + message.role + '] ' + message.content + '\n' }}{%- endfor %}
        {%- if tools %}{{- tools | length }}{%- endif %}
        {%- if add_generation_prompt %}{{- '[assistant]' }}{%- endif %}
        """;

    private readonly TinyServedForest _forest = new(new()
    {
        Experts = 2,
        ChatTemplate = Template,
        Config = TinyForest.DefaultConfig with { MaxPositionEmbeddings = 512 },
    });
    private LoadedForest _loaded = null!;
    private Microsoft.AspNetCore.Builder.WebApplication _app = null!;

    /// <summary>With the path of the API.</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>Of gRPC.</summary>
    public Uri Grpc { get; private set; } = null!;

    /// <summary>Who may use it.</summary>
    private protected virtual AccessOptions Access => new();

    public virtual async ValueTask InitializeAsync()
    {
        var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
        var engine = new EngineOptions { Directory = _forest.Served, Threads = 1, Slots = 8, Observer = metrics };
        _loaded = await LoadedForest.OpenAsync(engine, null, CancellationToken.None);
        var loopback = new IPEndPoint(IPAddress.Loopback, 0);
        var options = new ServerOptions { Http = new("--http", loopback), Grpc = new("--grpc", loopback), Access = Access };
        _app = ServerApplication.Build(options, new(_loaded), metrics);
        var urls = await _app.OpenAsync(options, CancellationToken.None);
        (Address, Grpc) = (new($"{urls.Http}/v1"), new(urls.Grpc));
    }

    public virtual async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        await _app.DisposeAsync();
        await _loaded.DisposeAsync();
        _forest.Dispose();
    }
}
