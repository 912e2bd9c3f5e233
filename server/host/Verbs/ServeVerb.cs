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
        default. Ctrl-C, SIGTERM or SIGHUP: no new requests, running ones finish within --shutdown-limit; 10 s later the process
        has ended, with exit code 1 if something hung. With --keys everything but health needs an API key (`btx keys --help`),
        and with --jwt-audience an access token of an identity provider is as good; without either, the server listens on
        loopback only, unless --insecure is given. The forest can be changed while it serves (`btx experts --help`;
        btx.v1.Forest) by whoever has a key of scope admin or the key of --admin-key-file; without one it takes no changes. One
        server owns a served forest; its journal is beside served.json. Clients call the server by an address that it listens
        on or by localhost; other names need --allowed-hosts. How many connections and bytes of bodies are taken follows from
        the system's limits, and is said at start.

        Examples:
          btx serve --forest served
          btx serve --forest served --http 127.0.0.1:9000 --grpc 127.0.0.1:9001 --slots 32 --threads 8
          btx serve --forest served --btx served-btx
          btx serve --forest served --device cuda:0
          openssl rand -hex 32 > admin.key && chmod 600 admin.key
          btx serve --forest served --expert-root /data/experts --admin-key-file admin.key
          btx keys create --keys keys.json --name acme > acme.key
          btx serve --forest served --http 0.0.0.0:8080 --grpc 0.0.0.0:8081 --allowed-hosts models.example.com --keys keys.json
          btx serve --forest served --jwt-authority https://login.example.com --jwt-audience btx
          curl -s http://127.0.0.1:8080/v1/completions -H 'content-type: application/json' \
               -d '{"model": "forest:top_k=2", "prompt": "In the beginning", "max_tokens": 40}'
        """;

    public static Command Create()
    {
        var engine = new EngineFlags(required: true);
        var living = new AccessFlags();
        var http = new Flag<string>("--http ADDRESS:PORT", "where HTTP is listened for", "127.0.0.1:8080");
        var grpc = new Flag<string>("--grpc ADDRESS:PORT", "where gRPC is listened for (HTTP/2 without TLS)", "127.0.0.1:8081");
        var shutdown = new Flag<double>("--shutdown-limit SECONDS", "how long running requests may go on after the shutdown begins", 30);
        var body = new Flag<double>("--max-body-mb MB", "largest request", 4);
        var prompt = new Flag<int>("--max-prompt-chars N", "longest prompt in characters", 1_000_000);
        var averages = new Choice("--averages", ["load", "demand"],
            "load: make every average when the forest is loaded, each as large as an expert; demand: at the first request for it", "load");
        var command = new Command("serve", Text);
        engine.AddTo(command);
        command.Add([averages, http, grpc, shutdown, body, prompt, .. living.All]);
        command.SetAction((parsed, cancellation) =>
        {
            var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
            var problems = new Problems();
            var engineOptions = problems.Of(() => (engine.Read(parsed, metrics)! with
            {
                Report = Console.Error.WriteLine,
                PrepareAverages = parsed.GetValue(averages) == "load",
            }).Validate());
            var changes = problems.Of(() => living.Read(parsed));
            var access = problems.Of(() => living.ReadAccess(parsed)) ?? new() { Insecure = true }; // nothing more is said of it

            var options = ServerOptions.Bind(parsed.GetValue(http)!, parsed.GetValue(grpc)!, parsed.GetValue(shutdown),
                parsed.GetValue(body), parsed.GetValue(prompt), access, problems);
            engineOptions = engineOptions! with { InjectFault = changes?.InjectFault };
            if (changes is not null) changes = changes with { Remix = new MoeRemix(engineOptions) };
            return RunAsync(options, engineOptions, changes, metrics, cancellation);
        });
        return command;
    }

    private static async Task<int> RunAsync(ServerOptions options, EngineOptions engineOptions, RegistryOptions? changes,
        EngineMetrics metrics, CancellationToken cancellation)
    {
        using var end = new HardEnd(options.ShutdownLimit);
        await using var begin = cancellation.UnsafeRegister(_ => end.Begin(), null);
        options.Http.RequireFree();
        options.Grpc.RequireFree();
        var loaded = await LoadedForest.OpenAsync(engineOptions, changes, cancellation);
        await using var owner = loaded;
        await using var app = ServerApplication.Build(options, loaded.Engine, loaded.Tokenizer, metrics, loaded.Registry);
        app.Lifetime.ApplicationStopping.Register(end.Begin);
        var (http, grpc) = await app.OpenAsync(options, cancellation);
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
        Console.WriteLine($"  HTTP     {http}/v1   (metrics {http}/metrics, health {http}/health)");
        Console.WriteLine($"  gRPC     {grpc}");
        if (loaded.Registry is { } registry)
            Console.WriteLine($"  forest   revision {registry.State.Revision}; {options.Access.Changes}; certificates by key "
                + registry.KeyFingerprint);
        else if (engineOptions.Directory is not null) Console.WriteLine("  forest   as it is on disk; it takes no changes (--read-only)");
        Console.WriteLine($"  access   {options.Access.Statement}");
        if (options.Access.Warning(options.Http, options.Grpc) is { } open) Console.Error.WriteLine(open);
        var connections = app.Services.GetRequiredService<ConnectionLimit>().PerListener;
        var bodies = app.Services.GetRequiredService<BodyBudget>().Bytes >> 20;
        Console.WriteLine($"  limits   {connections} connections at each port (this process may open {OpenFiles.Limit} files), {bodies} "
            + "MiB of requests being read");
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = true; // the terminal is gone; running requests are not to go with it
            app.Lifetime.StopApplication();
        });
        Console.WriteLine($"Ctrl-C stops; running requests then have {options.ShutdownLimit.TotalSeconds:0.#} s to finish.");
        await app.WaitForShutdownAsync(cancellation);
        Console.WriteLine("stopped");
        return 0;
    }
}
