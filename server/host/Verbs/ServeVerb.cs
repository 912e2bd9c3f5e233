using System.CommandLine.Parsing;
using System.Runtime.InteropServices;
using Btx.Forest;

namespace Btx.Server.Verbs;

/// <summary><c>btx serve</c>: a forest, a BTX model or both behind gRPC and HTTP.</summary>
internal static class ServeVerb
{
    private const string Text =
        """
        Serve a forest, a BTX model (mode moe) or both: gRPC (btx.v1.Inference, grpc.health.v1) and HTTP in OpenAI's form
        (/v1/models, /v1/completions), with /metrics for Prometheus and /health (/health/live, /health/ready). Loopback by
        default. The ports answer at once, and say that they are loading until they serve. Ctrl-C, SIGTERM or SIGHUP: no new
        requests, running ones finish within --shutdown-limit; 10 s later the process has ended, with exit code 1 if something
        hung. With --keys everything but health needs an API key (`btx keys --help`), and with --jwt-audience an access token of
        an identity provider is as good; without either, the server listens on loopback only, unless --insecure is given. With
        --tls-cert all ports have TLS. The forest can be changed while it serves (`btx experts --help`; btx.v1.Forest) by whoever
        has a key of scope admin or the key of --admin-key-file, at the port of --admin if there is one; without a key it takes no
        changes. One server owns a served forest; its journal is beside served.json. Clients call the server by an address that
        it listens on or by localhost; other names need --allowed-hosts. How many connections and bytes of bodies are taken
        follows from the system's limits, and is said at start.

        Every option is also a variable (--max-body-mb: BTX_SERVE_MAX_BODY_MB) and a key of the JSON file that --config names
        (max_body_mb); a flag comes before a variable, and that before the file. No file is read that was not named.

        Examples:
          btx serve --forest served
          btx serve --forest served --http 127.0.0.1:9000 --grpc 127.0.0.1:9001 --slots 32 --threads 8
          btx serve --forest served --btx served-btx
          btx serve --forest served --device cuda:0
          openssl rand -hex 32 > admin.key && chmod 600 admin.key
          btx serve --forest served --expert-root /data/experts --admin-key-file admin.key
          btx keys create --keys keys.json --name acme > acme.key
          btx serve --forest served --http 0.0.0.0:8080 --grpc 0.0.0.0:8081 --allowed-hosts models.example.com --keys keys.json
          btx serve --forest served --http 0.0.0.0:8443 --keys keys.json --tls-cert fullchain.pem --tls-key privkey.pem
          btx serve --config btx.json --admin 127.0.0.1:8082
          btx serve --forest served --jwt-authority https://login.example.com --jwt-audience btx
          curl -s http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' \
               -d '{"model": "forest:top_k=2", "prompt": "In the beginning", "max_tokens": 40}'
        """;

    private const string NoModel = "Option '--forest' or '--btx' is required.";

    /// <param name="configuration">Where else its options may stand.</param>
    public static Command Create(out Configuration configuration)
    {
        var (engine, living, listening) = (new EngineFlags(), new AccessFlags(), new ListenFlags());
        var averages = new Choice("--averages", ["load", "demand"],
            "load: make every average when the forest is loaded, each as large as an expert; demand: at the first request for it", "load");
        var command = new Command("serve", Text);
        var configured = configuration = new Configuration(command, "BTX_SERVE_");
        engine.AddTo(command);
        command.Add([averages, .. listening.All, .. living.All, configured.File]);
        bool LacksModel(CommandResult parsed) =>
            engine.Models.All(model => parsed.GetResult(model) is null && !configured.Refuses(model));
        command.Validators.Add(parsed => // whose error hides all others
        {
            if (configured.Problems.Count == 0 && LacksModel(parsed)) parsed.AddError(NoModel);
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            try
            {
                var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
                Problems problems = [.. configured.Problems];
                var engineOptions = problems.Of(() => engine.Read(parsed, metrics) is not { } named ? null : (named with
                {
                    Report = Console.Error.WriteLine,
                    PrepareAverages = parsed.GetValue(averages) == "load",
                }).Validate());
                if (LacksModel(parsed.CommandResult)) problems.Add(NoModel);
                var changes = problems.Of(() => living.Read(parsed));
                var options = listening.Read(parsed, problems) with { Access = living.ReadAccess(parsed, problems) };
                options.Check(problems);
                problems.Throw();
                engineOptions = engineOptions! with { InjectFault = changes?.InjectFault };
                if (changes is not null) changes = changes with { Remix = new MoeRemix(engineOptions) };
                return await RunAsync(options, engineOptions, changes, metrics, cancellation);
            }
            catch (BtxException e)
            {
                throw new BtxException(configured.Explain(e.Message), e);
            }
        });
        return command;
    }

    private static async Task<int> RunAsync(ServerOptions options, EngineOptions engineOptions, RegistryOptions? changes,
        EngineMetrics metrics, CancellationToken cancellation)
    {
        using var end = new HardEnd(options.ShutdownLimit);
        await using var begin = cancellation.UnsafeRegister(_ => end.Begin(), null);
        await using var served = new ServedForest();
        await using var app = ServerApplication.Build(options, served, metrics);
        app.Lifetime.ApplicationStopping.Register(end.Begin);
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true; // the terminal is gone; running requests are not to go with it
            app.Lifetime.StopApplication();
        });
        var urls = await app.OpenAsync(options, cancellation);
        Console.WriteLine($"loading; {urls.Http}/health/ready tells when it is done");
        var loaded = await LoadedForest.OpenAsync(engineOptions, changes, cancellation);
        app.Serve(loaded);
        cancellation.ThrowIfCancellationRequested();
        var forest = loaded.Engine.Describe();
        if (forest.Experts.Count > 0)
            Console.WriteLine($"serving {forest.Experts.Count} experts ({string.Join(", ", forest.Experts)}): {forest.Device}, "
                + $"{forest.Precision}, context {forest.ContextLength}");
        if (forest.Moe is { } btx)
        {
            var alone = forest.Experts.Count == 0 ? "; mode moe only, no forest is loaded" : "";
            Console.WriteLine($"serving a BTX model of {btx.Experts.Count} experts ({string.Join(", ", btx.Experts)}), k "
                + $"{btx.ExpertsPerToken}: {forest.Device}, {btx.Precision}, context {forest.ContextLength}{alone}");
        }

        Console.WriteLine($"  memory   {MemoryStatement.Line(forest, engineOptions)}");
        if (MemoryStatement.Warning(forest, engineOptions, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) is { } warning)
            Console.Error.WriteLine(warning);
        Console.WriteLine($"  HTTP     {urls.Http}/v1   (metrics {urls.Admin ?? urls.Http}/metrics, health {urls.Http}/health)");
        Console.WriteLine($"  gRPC     {urls.Grpc}");
        if (urls.Admin is not null) Console.WriteLine($"  admin    {urls.Admin}: changes, metrics, reflection");
        if (options.Tls.IsGiven)
            Console.WriteLine($"  TLS      {app.Services.GetRequiredService<ServerCertificates>().Statement}");
        if (loaded.Registry is { } registry)
            Console.WriteLine($"  forest   revision {registry.State.Revision}; {options.Access.Changes}; certificates by key "
                + registry.KeyFingerprint);
        else if (engineOptions.Directory is not null) Console.WriteLine("  forest   as it is on disk; it takes no changes (--read-only)");
        Console.WriteLine($"  access   {options.Access.Statement}");
        foreach (var open in options.Access.Warnings(options.Tls.IsGiven, options.Addresses)) Console.Error.WriteLine(open);
        var connections = app.Services.GetRequiredService<ConnectionLimit>().PerListener;
        var bodies = app.Services.GetRequiredService<BodyBudget>().Bytes >> 20;
        Console.WriteLine($"  limits   {connections} connections at each port (this process may open {OpenFiles.Limit} files), {bodies} "
            + "MiB of requests being read");
        Console.WriteLine($"Ctrl-C stops; running requests then have {options.ShutdownLimit.TotalSeconds:0.#} s to finish.");
        await app.WaitForShutdownAsync(cancellation);
        Console.WriteLine("stopped");
        return 0;
    }
}
