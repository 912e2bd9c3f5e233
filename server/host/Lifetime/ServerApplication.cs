using Btx.Forest;
using Btx.Model.Tokens;
using Btx.Server.Http.Chat;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging.Console;
using Prometheus;

namespace Btx.Server.Lifetime;

/// <summary>Puts HTTP and gRPC in front of an engine.</summary>
internal static class ServerApplication
{
    /// <param name="registry">What changes the forest; null: no forest is served.</param>
    public static WebApplication Build(ServerOptions options, IForestEngine engine, TextTokenizer tokenizer, EngineMetrics metrics,
        IForestRegistry? registry = null)
    {
        var changes = new ForestChanges(registry, new(metrics.Registry, registry, () => engine.LiveSnapshots), TimeProvider.System);
        EngineMetrics.AddProcess(metrics.Registry);
        var hosts = options.Access.Open(options.Http, options.Grpc);
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None) // its failures are thrown, too
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None) // a line for each probe; ServingState says it once
            .AddFilter("Grpc.AspNetCore.Server", LogLevel.None) // a stack for each message that it cannot read; refusals have a log
            .AddSimpleConsole(console => console.SingleLine = true);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.WebHost.ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.Services.AddSingleton(TimeProvider.System)
            .AddSingleton(engine)
            .AddSingleton(tokenizer)
            .AddSingleton(options.Limits)
            .AddSingleton(changes)
            .AddAccess(options.Access, hosts)
            .AddSingleton(services => new Refusals(metrics.Registry, services.GetRequiredService<ILogger<Refusals>>(), TimeProvider.System))
            .AddClientDetails(options.Access)
            .AddSingleton(BodyBudget.Of(options.Limits.BodyBytes))
            .AddSingleton(services => new ConnectionLimit(ActivatorUtilities.CreateInstance<SocketTransportFactory>(services),
                options.Connections, options.Http.EndPoint, services.GetRequiredService<Refusals>()))
            .Replace(ServiceDescriptor.Singleton<IConnectionListenerFactory>(services => services.GetRequiredService<ConnectionLimit>()))
            .AddScoped<InferenceService>()
            .AddSingleton<ChatRenderer>()
            .AddSingleton<ChatPrompt>()
            .AddSingleton<ServingState>()
            .AddServingHealth()
            .AddHostedService(services => new DrainService(engine, changes, services.GetRequiredService<ServingState>(),
                services.GetRequiredService<IHostApplicationLifetime>(), options.ShutdownLimit, TimeProvider.System))
            .AddGrpcEndpoints(options.Limits)
            .Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownLimit + (HardEnd.Grace * 0.8));

        var app = builder.Build();
        var refusals = app.Services.GetRequiredService<Refusals>();
        refusals.Watch(app.Services.GetRequiredService<System.Diagnostics.DiagnosticListener>());
        var bodies = app.Services.GetRequiredService<BodyBudget>();
        app.Use(app.Services.GetRequiredService<ConnectionLimit>().ServeAsync);
        app.UseRequestIds();
        app.Use(refusals.RecordAsync);
        app.UseForHttp(ClientDetails.UseProcessingTime);
        app.UseForHttp(OpenAiError.AnswerFailures);
        app.Use(hosts.CheckAsync);
        app.UseForHttp(ClientDetails.UseHeadAsGet);
        app.UseForHttp(OpenAiError.AnswerStatuses);
        app.UseRouting();
        app.UseForHttp(ClientDetails.UseOtherSites);
        app.UseAccess();
        app.UseOwnEndpoints();
        app.UseForHttp(ClientDetails.UseEncodedBodies);
        app.Use(RpcStatus.BlameAsync);
        app.Use((http, next) => RequestBody.BoundAsync(http, next, bodies, options.BodyTime, app.Lifetime.ApplicationStopping));
        app.MapGrpcEndpoints();
        app.MapHttpEndpoints(options.Limits);
        app.MapHealth();
        app.MapMetrics("/metrics", metrics.Registry).WithMetadata(new NeedsAttribute(Scope.Observe));
        return app;
    }

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = _ => Encoding.Latin1; // any byte: UTF-8 that is none would end a whole connection
        kestrel.Limits.MaxRequestBodySize = null; // HTTP and gRPC have each its own limit, and its own way to say so
        kestrel.Limits.KeepAliveTimeout = TimeSpan.FromSeconds(75);
        kestrel.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(15);
        kestrel.Listen(options.Http.EndPoint, listen =>
        {
            listen.Protocols = HttpProtocols.Http1;
            listen.Use(next => connection => ConnectionLimit.LeaveAsync(connection, next));
            listen.Use(next => connection => HalfClosed.ServeAsync(connection, next, options.HalfClosedPatience));
        });
        kestrel.Listen(options.Grpc.EndPoint, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.Use(next => connection => ConnectionLimit.LeaveAsync(connection, next));
        });
    }

    /// <summary>Begins to listen.</summary>
    /// <returns>The addresses of HTTP and of gRPC, ports as the system gave them.</returns>
    /// <exception cref="Model.BtxException">A port is in use or may not be used.</exception>
    public static async Task<(string Http, string Grpc)> OpenAsync(this WebApplication app, ServerOptions options,
        CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            var grpc = e.Message.Contains($":{options.Grpc.EndPoint.Port}:", StringComparison.Ordinal);
            throw (grpc ? options.Grpc : options.Http).Refused(e);
        }

        var addresses = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToArray();
        return (addresses[0], addresses[1]);
    }
}
