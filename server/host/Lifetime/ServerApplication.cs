using System.Net.Security;
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
    /// <param name="served">What requests get; they are told that it is being loaded until <see cref="Serve"/> is called.</param>
    /// <exception cref="Model.BtxException">The options contradict themselves, or name a file that cannot be used.</exception>
    public static WebApplication Build(ServerOptions options, ServedForest served, EngineMetrics metrics)
    {
        EngineMetrics.AddProcess(metrics.Registry);
        var hosts = options.Access.Open(options.Http, options.Grpc, options.Admin);
        // Nothing of the working directory or of ASPNETCORE_… may add to what the options say; nor is the directory watched.
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Services.AddRoutingCore();
        builder.Logging.SetMinimumLevel(LogLevel.Warning)
            .AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None) // its failures are thrown, too
            .AddFilter("Microsoft.Extensions.Diagnostics.HealthChecks", LogLevel.None) // a line for each probe; ServingState says it once
            .AddFilter("Grpc.AspNetCore.Server", LogLevel.None) // a stack for each message that it cannot read; refusals have a log
            .AddFilter(typeof(PromptLog).FullName, LogLevel.Information)
            .AddSimpleConsole(console => console.SingleLine = true);
        builder.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => Listen(kestrel, options));
        builder.Services.AddSingleton(TimeProvider.System)
            .AddSingleton(options)
            .AddSingleton(options.Limits)
            .AddSingleton(options.Tls)
            .AddSingleton(served)
            .AddSingleton(_ => served.Forest.Tokenizer)
            .AddSingleton(_ => new ForestChanges(served.Forest.Registry, new(metrics.Registry, served.Forest.Registry,
                () => served.Forest.Engine.LiveSnapshots), TimeProvider.System))
            .AddAccess(options.Access, hosts)
            .AddSingleton(services => new Refusals(metrics.Registry, services.GetRequiredService<ILogger<Refusals>>(), TimeProvider.System))
            .AddClientDetails(options.Access)
            .AddSingleton(BodyBudget.Of(options.Limits.BodyBytes))
            .AddSingleton<ServerCertificates>()
            .AddSingleton(services => new ConnectionLimit(ActivatorUtilities.CreateInstance<SocketTransportFactory>(services), options,
                services.GetRequiredService<Refusals>()))
            .Replace(ServiceDescriptor.Singleton<IConnectionListenerFactory>(services => services.GetRequiredService<ConnectionLimit>()))
            .AddScoped(services => new InferenceService(served.Forest.Engine, served.Forest.Tokenizer, options.Limits,
                services.GetRequiredService<Caller>(), services.GetService<PromptLog>()))
            .AddSingleton<ForestAdministration>()
            .AddSingleton<ChatRenderer>()
            .AddSingleton<ChatPrompt>()
            .AddSingleton<ServingState>()
            .AddServingHealth()
            .AddHostedService(services => new DrainService(served, services.GetRequiredService<ForestChanges>,
                services.GetRequiredService<IHostApplicationLifetime>(), options.ShutdownLimit, TimeProvider.System))
            .AddGrpcEndpoints(options.Limits)
            .Configure<HostOptions>(host => host.ShutdownTimeout = options.ShutdownLimit + (HardEnd.Grace * 0.8));

        if (options.LogsPrompts) builder.Services.AddHttpContextAccessor().AddSingleton<PromptLog>();
        var app = builder.Build();
        var refusals = app.Services.GetRequiredService<Refusals>();
        refusals.Watch(app.Services.GetRequiredService<System.Diagnostics.DiagnosticListener>());
        var bodies = app.Services.GetRequiredService<BodyBudget>();
        app.Use(app.Services.GetRequiredService<ConnectionLimit>().ServeAsync);
        app.UseRequestIds();
        app.Use(refusals.RecordAsync);
        app.UseForHttp(http => http.Use(HalfClosed.AskAsync));
        app.UseForHttp(ClientDetails.UseAnswerHeaders);
        app.UseForHttp(OpenAiError.AnswerFailures);
        app.UseForHttp(http => http.Use(HeaderText.RequireChunkedAsync));
        app.Use(hosts.CheckAsync);
        app.UseForHttp(ClientDetails.UseHeadAsGet);
        app.UseForHttp(OpenAiError.AnswerStatuses);
        app.UseRouting();
        app.UseForHttp(ClientDetails.UseOtherSites);
        app.UseOwnEndpoints(hasAdmin: options.Admin is not null);
        app.UseAccess();
        app.UseUnimplemented(hasAdmin: options.Admin is not null);
        app.Use(served.AnswerLoadingAsync);
        app.Use(app.Services.GetRequiredService<Quotas>().LimitAsync);
        app.UseForHttp(ClientDetails.UseEncodedBodies);
        app.Use(RpcStatus.BlameAsync);
        app.Use((http, next) => RequestBody.BoundAsync(http, next, bodies, options.BodyTime, app.Lifetime.ApplicationStopping));
        app.MapGrpcEndpoints();
        app.MapHttpEndpoints(options.Limits);
        app.MapHealth();
        app.MapMetrics("/metrics", metrics.Registry).WithMetadata(new NeedsAttribute(Scope.Observe));
        if (served.Now is { } forest) app.Serve(forest);
        return app;
    }

    /// <summary>What is to be served is loaded: from now on requests get it.</summary>
    /// <exception cref="Model.BtxException">It needs so many open files that too few are left for connections.</exception>
    public static void Serve(this WebApplication app, LoadedForest forest)
    {
        var served = app.Services.GetRequiredService<ServedForest>();
        served.Complete(forest);
        app.Services.GetRequiredService<ConnectionLimit>().Settle();
        app.Services.GetRequiredService<ForestChanges>(); // its metrics are on the page
    }

    private static void Listen(KestrelServerOptions kestrel, ServerOptions options)
    {
        kestrel.AddServerHeader = false;
        kestrel.RequestHeaderEncodingSelector = HeaderText.EncodingOf;
        options.Transport.ApplyTo(kestrel.Limits);
        Listen(options.Http, HttpProtocols.Http1, [SslApplicationProtocol.Http11], HalfClose);
        Listen(options.Grpc, HttpProtocols.Http2, [SslApplicationProtocol.Http2], BoundResets);
        if (options.Admin is not { } admin) return;
        if (options.Tls.IsGiven)
        {
            // A client that speaks both and calls no method of gRPC is one of HTTP: Prometheus, or a browser.
            Listen(admin, HttpProtocols.Http1AndHttp2, [SslApplicationProtocol.Http11, SslApplicationProtocol.Http2], BoundResets);
            return;
        }

        var shared = new SharedPort(kestrel.Limits.RequestHeadersTimeout);
        Listen(admin, HttpProtocols.Http1, [], next => connection => shared.ServeAsync(connection, next), HalfClose);
        kestrel.Listen(shared, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            listen.Use(BoundResets);
        });

        ConnectionDelegate HalfClose(ConnectionDelegate next) =>
            connection => HalfClosed.ServeAsync(connection, next, options.HalfClosedPatience);

        ConnectionDelegate BoundResets(ConnectionDelegate next) => connection =>
            ResetLimit.ServeAsync(connection, next, options.Transport.Resets, kestrel.ApplicationServices.GetRequiredService<Refusals>());

        void Listen(ListenAddress address, HttpProtocols protocols, SslApplicationProtocol[] spoken,
            params Func<ConnectionDelegate, ConnectionDelegate>[] then) => kestrel.Listen(address.EndPoint, listen =>
            {
                listen.Protocols = protocols;
                listen.Use(next => connection => ConnectionLimit.LeaveAsync(connection, next));
                if (options.Tls.IsGiven)
                    kestrel.ApplicationServices.GetRequiredService<ServerCertificates>()
                        .Use(listen, kestrel.Limits.RequestHeadersTimeout, spoken);
                foreach (var middleware in then) listen.Use(middleware);
            });
    }

    /// <summary>Begins to listen.</summary>
    /// <returns>The addresses as URLs, ports as the system gave them.</returns>
    /// <exception cref="Model.BtxException">A port is in use or may not be used.</exception>
    public static async Task<ServerUrls> OpenAsync(this WebApplication app, ServerOptions options, CancellationToken cancellation)
    {
        try
        {
            await app.StartAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException)
        {
            var named = options.Addresses.FirstOrDefault(address =>
                e.Message.Contains($":{address.EndPoint.Port}:", StringComparison.Ordinal));
            throw (named ?? options.Http).Refused(e);
        }

        var urls = app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.ToArray();
        return new(urls[0], urls[1], options.Admin is null ? null : urls[2]);
    }
}

/// <summary>Where a server listens, as URLs.</summary>
/// <param name="Admin">Null: administration is at the two others.</param>
internal sealed record ServerUrls(string Http, string Grpc, string? Admin);
