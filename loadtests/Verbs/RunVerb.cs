namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest run</c>.</summary>
internal sealed class RunVerb
{
    private const double CeilingSeconds = 1.5;
    private const string Text =
        """
        Put one load on a running server and say how it fared: time to first token, inter-token and end-to-end latency with 95 %
        intervals, throughput, goodput, failures by status, beside the server's own figures. Latency counts from when a request
        was due, so a stalled server cannot hide the requests that it held up. The server must be on this machine, unless
        --allow-remote. Ctrl-C ends the load early and keeps what was measured.

        Examples:
          btx loadtest run --corpus demo/corpus
          btx loadtest run --corpus demo/corpus --mode top_k --k 2 --arrivals poisson:5 --duration 60 \
            --objective ttft=0.5,itl=0.05,share=0.99
          btx loadtest run --corpus demo/corpus --door http --arrivals bursts:1,8,5 --domains novels=0.8,python=0.2 --out runs/bursts
          btx loadtest run --corpus demo/corpus --arrivals trace:trace.csv,2 --prompt-tokens lognormal:48,0.8,200 --json -
        """;

    private readonly Choice _door = new("--door", ["grpc", "http"], "how the server is called; http: in OpenAI's form", "grpc");
    private readonly ServerFlag _server = new("GRPC[,HTTP]",
        "the server: where it speaks gRPC, and after a comma where HTTP, for its metrics too", ServerAddress.Default);
    private readonly Flag<bool> _remote = new("--allow-remote", "the server may be on another machine");
    private readonly ApiKeyFlag _key = new() { Aliases = { "--key-file" } };
    private readonly LoadFlags _shared = new("prompts, lengths, arrivals and sampling");
    private readonly Flag<string> _mode = new("--mode MODE", string.Join(", ", RoutingChoice.Modes), "ensemble");
    private readonly Flag<int?> _k = new("--k N", "experts a token, of top_k and moe");
    private readonly Flag<double?> _p = new("--p MASS", "posterior mass of the experts, of top_p");
    private readonly Choice _router = new("--router", ["all", "probe"],
        "what top_k and top_p choose by: the whole prompt (all) or its first tokens (probe)");
    private readonly Flag<string?> _expert = new("--expert NAME", "of mode expert (the one of the prompt's domain)");
    private readonly Flag<string?> _average = new("--average NAME", "of mode average: one that was given a name (the uniform one)");
    private readonly Flag<double> _temperature = new("--temperature T", "0: greedy", 1);
    private readonly Flag<string> _arrivals = new("--arrivals ARRIVALS", $"{Arrivals.Forms}; rates a second, times in seconds", "closed:4");
    private readonly Flag<string> _prompts = new("--prompt-tokens LENGTHS", Lengths.Forms, "lognormal:32,0.5,64");
    private readonly Flag<string> _outputs = new("--output-tokens LENGTHS", "likewise", "fixed:32");
    private readonly Flag<double?> _warmUp = new("--warm-up SECONDS", "seconds that are not measured (2)");
    private readonly Flag<int?> _warmUpRequests = new("--warm-up-requests N", "requests that are not measured, instead");
    private readonly Flag<double?> _duration = new("--duration SECONDS", "seconds that are measured (30, without --requests or a trace)");
    private readonly Flag<int?> _requests = new("--requests N", "requests that are measured");
    private readonly Flag<int> _inFlight = new("--max-in-flight N",
        "open loop: requests under way at most; one that is due then waits, and its latency counts that", 1024);
    private readonly Flag<string?> _out = new("--out DIR", "write the run's files here: settings, a record of each request, the figures");
    private readonly Flag<string?> _ceiling = new("--ceiling FILE", "the generator's ceiling, from `ceiling --json` (measured again)");
    private readonly Flag<bool> _noCeiling = new("--no-ceiling", "do not measure the generator's ceiling");
    private readonly JsonFlag _json = new();

    private IReadOnlyList<Option> All => [_door, _server, _remote, _key, .. _shared.All, _mode, _k, _p, _router, _expert, _average,
        _temperature, _arrivals, _prompts, _outputs, _warmUp, _warmUpRequests, _duration, _requests, _inFlight, _out, _ceiling, _noCeiling,
        _json];

    public static Command Create()
    {
        var verb = new RunVerb();
        var command = new Command("run", Text) { verb.All };
        command.Validators.Add(parsed =>
        {
            if (parsed.GetValue(verb._noCeiling) && parsed.GetValue(verb._ceiling) is not null)
                parsed.AddError("'--ceiling' and '--no-ceiling' are both given; choose one.");
        });
        command.SetAction(verb.RunAsync);
        return command;
    }

    private async Task<int> RunAsync(ParseResult parsed, CancellationToken cancellation)
    {
        var kind = parsed.GetValue(_door)!;
        var (grpc, http) = Server(parsed, kind);
        var arrivals = Arrivals.Read("--arrivals", parsed.GetValue(_arrivals)!);
        var (bounds, objective) = (Bounds(parsed), _shared.ReadObjective(parsed));
        var (prompts, outputs) = (Lengths.Read("--prompt-tokens", parsed.GetValue(_prompts)!),
            Lengths.Read("--output-tokens", parsed.GetValue(_outputs)!));
        var temperature = parsed.GetValue(_temperature);
        if (!(temperature >= 0) || !double.IsFinite(temperature))
            throw new LoadTestException($"--temperature {temperature}: expected 0 or more");
        var routing = new RoutingChoice(parsed.GetValue(_mode)!, parsed.GetValue(_k), parsed.GetValue(_p), parsed.GetValue(_expert),
            parsed.GetValue(_average), parsed.GetValue(_router)).Validate();
        var key = ServerAddress.ReadKey(parsed, _key);
        var texts = PromptTexts.Read(parsed.GetValue(_shared.Corpus)!);
        var (mix, seed) = (_shared.ReadMix(parsed, texts), parsed.GetValue(_shared.Seed));
        _json.RequireWritable(parsed);
        var ceiling = KnownCeiling(parsed, kind);
        RequireFree(parsed.GetValue(_out));

        await using IServerClient client = kind == "grpc" ? new GrpcClient(grpc, key) : new OpenAiClient(http!, key);
        using var metrics = http is null ? null : new ServerMetrics(http, key);
        var served = await client.DescribeAsync(cancellation);
        if (served.ContextLength > 0 && outputs.Max >= served.ContextLength)
            throw new LoadTestException($"--output-tokens {outputs.Text}: prompt and answer together have {served.ContextLength}");
        var ruler = await PromptRuler.MeasureAsync(client, texts, mix, routing, served, prompts, seed, cancellation);
        var description = RunDescription.Now(SweepVerb.CommandLine(),
            new(kind, $"{texts.Name}; {mix.Text}", Described(prompts, arrivals, a => a.PromptTokens),
                Described(outputs, arrivals, a => a.OutputTokens),
                bounds.WarmUpRequests > 0 ? $"{bounds.WarmUpRequests} requests" : $"{bounds.WarmUpSeconds} s",
                string.Join(", ", new[] { bounds.Seconds is { } s ? $"{s} s" : null, bounds.Requests is { } n ? $"{n} requests" : null,
                    arrivals.Recorded is not null ? "the trace's end" : null }.OfType<string>())), objective, seed);
        Keep(parsed, RunDirectory.Description, path => RunJson.Write(path, description));
        if (ceiling is null && !parsed.GetValue(_noCeiling))
            ceiling = await CeilingRun.MeasureAsync(kind, arrivals.Concurrency ?? 32, CeilingSeconds, prompts, outputs, cancellation);
        if (ceiling is not null) Keep(parsed, RunDirectory.CeilingFile, path => RunJson.Write(path, ceiling));

        var settings = Settings(routing, arrivals, served);
        var plan = new LoadPlan(arrivals, texts, ruler, mix, prompts, outputs, seed);
        var records = parsed.GetValue(_out) is { } directory
            ? new RecordFile(Path.Combine(directory, RunDirectory.Requests, $"{settings.Name}-r0.jsonl")) : null;
        LoadOutcome outcome;
        await using (records)
        using (var display = new ProgressDisplay())
        {
            var item = display.Start("load", bounds is { Seconds: null, Requests: null } ? 0 : 1, null);
            var progress = new DirectProgress<LoadProgress>(p => item.Report(Share(p, bounds), (p.Measuring ? "measuring" : "warm-up")
                + $": {p.Seconds:0} s, {p.Sent} sent, {p.Ended} ended, {p.Failed} failed, {p.Tokens} tokens"));
            outcome = await new LoadRun(client, served, plan, routing, bounds, temperature, records, metrics, progress)
                .RunAsync(cancellation);
        }

        var point = new PointResult(settings, Repeat: 0, Order: 0, outcome.Started, outcome.Summarise(objective), Server: outcome.Server,
            Experts: served.Experts.Count, MixtureExperts: served.MixtureExperts.Count is > 0 and var experts ? experts : null);
        var unwritten = new List<string>();
        if (records?.Problem is { } problem) unwritten.Add(problem);
        try
        {
            Keep(parsed, RunDirectory.Points, path => RunJson.WriteText(path, JsonSerializer.Serialize(point, RunJson.Line) + "\n"));
        }
        catch (LoadTestException e)
        {
            unwritten.Add(e.Message); // the figures are told all the same
        }

        var errors = outcome.Records.Where(r => r is { Ok: false, WarmUp: false, Error: not null }).GroupBy(r => r.Status)
            .ToDictionary(g => g.Key, g => g.First().Error!);
        var verdict = objective is null ? null : ObjectiveCheck.Verdict(objective, outcome.Records);
        var result = new RunResult(description, point, verdict, ceiling, outcome.ProcessorShare, outcome.GivenUp, outcome.Stopped, errors,
            plan.Shortened, unwritten);
        _json.Write(parsed, result, RunReport.Lines(result));
        foreach (var said in unwritten.Prepend(result.GivenUp).OfType<string>()) Console.Error.WriteLine($"error: {said}");
        if (unwritten.Count > 0)
            Console.Error.WriteLine("the figures above are of all requests; free some space and keep them with --json FILE next time");
        if (result.Stopped) Console.Error.WriteLine("stopped; what was measured is kept");
        var failed = result.GivenUp is not null || unwritten.Count > 0 || point.Summary.Failed == point.Summary.Requests;
        return result.Stopped ? 130 : failed ? 1 : 0;
    }

    private static double Share(LoadProgress p, LoadBounds bounds) => Math.Clamp(Math.Max(
        bounds.Seconds is { } seconds ? p.Seconds / (bounds.WarmUpSeconds + seconds) : 0,
        bounds.Requests is { } requests && p.Measuring ? p.Ended / (double)(bounds.WarmUpRequests + requests) : 0), 0, 1);

    private (Uri Grpc, Uri? Http) Server(ParseResult parsed, string kind)
    {
        var (said, address) = _server.Read(parsed);
        var server = ServerAddress.ParseServer(said, address, parsed.GetValue(_remote));
        return kind != "http" || server.Http is not null ? server
            : throw new LoadTestException("--door http: the server's HTTP address is not named; give both with --server GRPC,HTTP");
    }

    private LoadBounds Bounds(ParseResult parsed)
    {
        var (warmUpRequests, requests) = (parsed.GetValue(_warmUpRequests) ?? 0, parsed.GetValue(_requests));
        var unbounded = requests is null && !parsed.GetValue(_arrivals)!.StartsWith("trace:", StringComparison.Ordinal);
        var timeout = parsed.GetValue(_shared.Timeout);
        return new LoadBounds(parsed.GetValue(_warmUp) ?? (warmUpRequests > 0 ? 0 : 2), warmUpRequests,
            parsed.GetValue(_duration) ?? (unbounded ? 30 : null), requests, timeout, parsed.GetValue(_inFlight), LateSeconds: timeout)
            .Validate();
    }

    private Ceiling? KnownCeiling(ParseResult parsed, string kind)
    {
        if (parsed.GetValue(_ceiling) is not { } file) return null;
        var known = RunJson.Read<Ceiling>(file);
        return known.Door == kind ? known
            : throw new LoadTestException($"--ceiling {file}: is of {known.Door}; `btx loadtest ceiling --door {kind}` measures this one");
    }

    private static void RequireFree(string? directory)
    {
        if (!Directory.Exists(directory) || !Directory.EnumerateFileSystemEntries(directory).Any()) return;
        var holds = File.Exists(Path.Combine(directory, RunDirectory.Description)) ? "a run already" : "something else than a run";
        throw new LoadTestException($"--out {directory}: holds {holds}; name another directory");
    }

    // Writes one of the run's files, if a directory is asked for.
    private void Keep(ParseResult parsed, string name, Action<string> write)
    {
        if (parsed.GetValue(_out) is not { } directory) return;
        LoadTestException.Wrap($"--out {directory}: cannot be written", () =>
        {
            Directory.CreateDirectory(directory);
            write(Path.Combine(directory, name));
        });
    }

    // As a sweep's point.
    private static PointSettings Settings(RoutingChoice routing, Arrivals arrivals, ServedFacts served)
    {
        var k = routing.Mode is "top_k" or "moe" ? routing.K : routing.Mode == "ensemble" ? served.Experts.Count
            : routing.Mode == "top_p" ? null : (int?)1;
        return new(routing.Mode, k, arrivals.Concurrency is null ? "open" : "closed", arrivals.Concurrency, arrivals.Rate,
            served.Precision.Length > 0 ? served.Precision : PointSettings.Unknown, new Dictionary<string, string>());
    }

    // A trace's own lengths come before those that are drawn.
    private static string Described(Lengths drawn, Arrivals arrivals, Func<Arrival, int?> recorded)
    {
        if (arrivals.Recorded is not var (file, trace) || trace.All(a => recorded(a) is null)) return drawn.Text;
        return trace.All(a => recorded(a) is not null) ? $"trace:{file}" : $"trace:{file}, or {drawn.Text} where it says none";
    }
}
