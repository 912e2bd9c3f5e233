using System.CommandLine;
using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Verbs;

/// <summary>The options of <c>run</c>, and what they say together.</summary>
internal sealed class RunFlags
{
    private readonly Option<string> _door = new("--door")
    {
        Description = "grpc, or http for OpenAI's form",
        DefaultValueFactory = _ => "grpc"
    };
    private readonly Option<string?> _server = new(DoorAddress.Option)
    {
        Description = "the server: its gRPC door, and after a comma its HTTP door, for its metrics too "
            + $"({DoorAddress.Variable}, or else {DoorAddress.Default})",
        HelpName = "GRPC[,HTTP]",
    };

    private readonly Option<bool> _remote = new("--allow-remote") { Description = "the server may be on another machine" };
    private readonly Option<string?> _key = new("--key-file") { Description = "a key, sent as authorization: Bearer", HelpName = "FILE" };
    private readonly Option<string> _corpus = new("--corpus")
    {
        Description = "prompts come from the test split of this corpus",
        HelpName = "DIR",
        Required = true
    };
    private readonly Option<string?> _domains =
        new("--domains") { Description = "domain mix of the prompts: novels=0.7,python=0.3 (all alike)", HelpName = "MIX" };
    private readonly Option<string> _mode = new("--mode")
    {
        Description = string.Join(", ", RoutingChoice.Modes),
        DefaultValueFactory = _ => "ensemble"
    };
    private readonly Option<int?> _k = new("--k") { Description = "experts a token, of top_k and moe" };
    private readonly Option<double?> _p = new("--p") { Description = "posterior mass of the experts, of top_p" };
    private readonly Option<string?> _expert = new("--expert")
    {
        Description = "of mode expert (the one of the prompt's domain)",
        HelpName = "NAME"
    };
    private readonly Option<string?> _average =
        new("--average") { Description = "of mode average: one that was given a name (the uniform one)", HelpName = "NAME" };
    private readonly Option<double> _temperature = new("--temperature") { Description = "0: greedy", DefaultValueFactory = _ => 1 };
    private readonly Option<string> _arrivals =
        new("--arrivals")
        {
            Description = $"{ArrivalsReader.Forms}; rates a second, times in seconds",
            HelpName = "ARRIVALS",
            DefaultValueFactory = _ => "closed:4"
        };
    private readonly Option<string> _prompts = new("--prompt-tokens")
    {
        Description = LengthsReader.Forms,
        HelpName = "LENGTHS",
        DefaultValueFactory = _ => "lognormal:32,0.5,64"
    };
    private readonly Option<string> _outputs = new("--output-tokens")
    {
        Description = "likewise",
        HelpName = "LENGTHS",
        DefaultValueFactory = _ => "fixed:32"
    };
    private readonly Option<double?> _warmUp = new("--warm-up") { Description = "seconds that are not measured (2)" };
    private readonly Option<int?> _warmUpRequests = new("--warm-up-requests") { Description = "requests that are not measured, instead" };
    private readonly Option<double?> _duration =
        new("--duration") { Description = "seconds that are measured (30, unless --requests or a trace bounds the load)" };
    private readonly Option<int?> _requests = new("--requests") { Description = "requests that are measured" };
    private readonly Option<double> _timeout = new("--timeout")
    {
        Description = "seconds after which a request is given up",
        DefaultValueFactory = _ => 120
    };
    private readonly Option<int> _inFlight = new("--max-in-flight")
    {
        Description =
        "open loop: requests under way at most; one that is due then waits, and its latency counts that",
        DefaultValueFactory = _ => 1024
    };
    private readonly Option<string?> _objective =
        new("--objective") { Description = $"service objective for the goodput: {ObjectiveCheck.Forms}", HelpName = "LIMITS" };
    private readonly Option<int> _seed = new("--seed")
    {
        Description = "of prompts, lengths, arrivals and sampling",
        DefaultValueFactory = _ => 1
    };

    public RunFlags()
    {
        _door.AcceptOnlyFromAmong("grpc", "http");
    }

    public void AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _door, _server, _remote, _key, _corpus, _domains, _mode, _k, _p, _expert, _average, _temperature, _arrivals, _prompts, _outputs,
                _warmUp, _warmUpRequests, _duration, _requests, _timeout,
            _inFlight, _objective, _seed,
        }) command.Options.Add(option);
    }

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
        var variable = Environment.GetEnvironmentVariable(DoorAddress.Variable);
        var said = parsed.GetValue(_server) is null && variable is { Length: > 0 } ? DoorAddress.Variable : DoorAddress.Option;
        var named = parsed.GetValue(_server) ?? (variable is { Length: > 0 } ? variable : DoorAddress.Default);
        var (grpc, http) = DoorAddress.ParseServer(said, named, remote);
        if (door == "http" && http is null)
            throw new LoadTestException($"--door http: the server's HTTP door is not named; give both with {DoorAddress.Option} GRPC,HTTP");
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
