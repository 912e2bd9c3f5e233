using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>The options of <c>run</c>, and what they say together.</summary>
internal sealed class RunFlags
{
    private readonly Choice _door = new("--door", ["grpc", "http"], "how the server is called; http is OpenAI's form", "grpc");
    private readonly ServerFlag _server = new("GRPC[,HTTP]",
        "the server: its gRPC door, and after a comma its HTTP door, for its metrics too", DoorAddress.Default);
    private readonly Flag<bool> _remote = new("--allow-remote", "the server may be on another machine");
    private readonly Flag<string?> _key = new("--key-file FILE", "a key, sent as authorization: Bearer");
    private readonly Flag<string> _corpus = new("--corpus DIR", "prompts come from the test split of this corpus") { Required = true };
    private readonly Flag<string?> _domains = new("--domains MIX", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)");
    private readonly Flag<string> _mode = new("--mode MODE", string.Join(", ", RoutingChoice.Modes), "ensemble");
    private readonly Flag<int?> _k = new("--k N", "experts a token, of top_k and moe");
    private readonly Flag<double?> _p = new("--p MASS", "posterior mass of the experts, of top_p");
    private readonly Flag<string?> _expert = new("--expert NAME", "of mode expert (the one of the prompt's domain)");
    private readonly Flag<string?> _average = new("--average NAME", "of mode average: one that was given a name (the uniform one)");
    private readonly Flag<double> _temperature = new("--temperature T", "0: greedy", 1);
    private readonly Flag<string> _arrivals = new("--arrivals ARRIVALS",
        $"{ArrivalsReader.Forms}; rates a second, times in seconds", "closed:4");
    private readonly Flag<string> _prompts = new("--prompt-tokens LENGTHS", LengthsReader.Forms, "lognormal:32,0.5,64");
    private readonly Flag<string> _outputs = new("--output-tokens LENGTHS", "likewise", "fixed:32");
    private readonly Flag<double?> _warmUp = new("--warm-up SECONDS", "seconds that are not measured (2)");
    private readonly Flag<int?> _warmUpRequests = new("--warm-up-requests N", "requests that are not measured, instead");
    private readonly Flag<double?> _duration = new("--duration SECONDS",
        "seconds that are measured (30, unless --requests or a trace bounds the load)");
    private readonly Flag<int?> _requests = new("--requests N", "requests that are measured");
    private readonly Flag<double> _timeout = new("--timeout SECONDS", "seconds after which a request is given up", 120);
    private readonly Flag<int> _inFlight = new("--max-in-flight N",
        "open loop: requests under way at most; one that is due then waits, and its latency counts that", 1024);
    private readonly Flag<string?> _objective = new("--objective LIMITS", $"service objective for the goodput: {ObjectiveCheck.Forms}");
    private readonly Flag<int> _seed = new("--seed N", "of prompts, lengths, arrivals and sampling", 1);

    public IReadOnlyList<Option> All =>
        [_door, _server, _remote, _key, _corpus, _domains, _mode, _k, _p, _expert, _average, _temperature, _arrivals, _prompts, _outputs,
            _warmUp, _warmUpRequests, _duration, _requests, _timeout, _inFlight, _objective, _seed];

    /// <exception cref="LoadTestException">A value that cannot be read, or some that do not go together.</exception>
    public RunRequest Read(ParseResult parsed)
    {
        var remote = parsed.GetValue(_remote);
        var door = parsed.GetValue(_door)!;
        var arrivals = ArrivalsReader.Read("--arrivals", parsed.GetValue(_arrivals)!);
        var warmUpRequests = parsed.GetValue(_warmUpRequests) ?? 0;
        var temperature = parsed.GetValue(_temperature);
        if (!(temperature >= 0) || !double.IsFinite(temperature))
            throw new LoadTestException($"--temperature {temperature}: expected 0 or more");
        var bounds = new LoadBounds
        {
            WarmUpSeconds = parsed.GetValue(_warmUp) ?? (warmUpRequests > 0 ? 0 : 2),
            WarmUpRequests = warmUpRequests,
            Seconds = parsed.GetValue(_duration) ?? (parsed.GetValue(_requests) is null && arrivals is not TraceArrivals ? 30 : null),
            Requests = parsed.GetValue(_requests),
            TimeoutSeconds = parsed.GetValue(_timeout),
            LateSeconds = parsed.GetValue(_timeout),
            MaxInFlight = parsed.GetValue(_inFlight),
        }.Validate();
        var (said, named) = _server.Read(parsed);
        var (grpc, http) = DoorAddress.ParseServer(said, named, remote);
        if (door == "http" && http is null)
            throw new LoadTestException($"--door http: the server's HTTP door is not named; give both with --server GRPC,HTTP");
        var routing = new RoutingChoice(parsed.GetValue(_mode)!, parsed.GetValue(_k), parsed.GetValue(_p), parsed.GetValue(_expert),
            parsed.GetValue(_average)).Validate();
        var (prompts, outputs) = (LengthsReader.Read("--prompt-tokens", parsed.GetValue(_prompts)!),
            LengthsReader.Read("--output-tokens", parsed.GetValue(_outputs)!));
        ServiceObjective? objective = parsed.GetValue(_objective) is { } limits ? ObjectiveCheck.Read("--objective", limits) : null;
        var key = DoorKey.Read(parsed.GetValue(_key));
        var texts = PromptTexts.Read(parsed.GetValue(_corpus)!);
        return new()
        {
            Grpc = door == "grpc" ? grpc : null,
            Http = http,
            Key = key,
            Texts = texts,
            Mix = DomainMix.Read("--domains", parsed.GetValue(_domains), texts.Domains),
            Routing = routing,
            Temperature = temperature,
            Arrivals = arrivals,
            Prompts = prompts,
            Outputs = outputs,
            Bounds = bounds,
            Objective = objective,
            Seed = parsed.GetValue(_seed),
        };
    }
}
