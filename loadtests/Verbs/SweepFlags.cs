using System.CommandLine;
using Btx.Cli;
using Btx.LoadTests.Doors;
using Btx.LoadTests.Load;
using Btx.LoadTests.Measuring;
using Btx.LoadTests.PeerDoors;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Verbs;

/// <summary>The options of <c>sweep</c>, and what they say together.</summary>
internal sealed class SweepFlags
{
    private readonly Option<string[]> _forest = Repeated("--forest",
        "served forest, which `btx export` writes; repeat it for other precisions (fp16=DIR)", "DIR");
    private readonly Option<string[]> _mixture = Repeated("--btx", "served BTX model for mode moe; repeat it for other precisions", "DIR");
    private readonly Flag<string> _corpus = new("--corpus DIR", "prompts come from the test split of this corpus") { Required = true };
    private readonly Flag<string> _out = new("--out RUN",
        "the run's directory; the same command goes on with what is there") { Required = true };
    private readonly Flag<string?> _modes = new("--modes LIST",
        "ensemble, top_k, top_p:MASS, moe, average, average:NAME, expert (of the prompt's domain), expert:NAME "
            + "(ensemble,top_k,average,moe: what is served of these)");
    private readonly Flag<string?> _k = new("--k LIST", "experts a token, of top_k and moe: 1..4 or 1,2,8 (all there are)");
    private readonly Flag<string?> _concurrency = new("--concurrency LIST", "closed loops: requests in flight; 0: none (1,2,4,8)");
    private readonly Flag<string?> _rate = new("--rate LIST",
        "open loops (Poisson): requests a second, or shares of the best closed loop: 25%,50%,75%,100%,125%");
    private readonly Flag<string?> _rateModes = new("--rate-modes LIST", "measure open loops in these modes only: ensemble,top_k=2");
    private readonly Flag<string?> _precision = new("--precision LIST", "fp32, fp16, int8, int4 (all that --forest and --btx give)");
    private readonly Option<string[]> _option = Repeated("--option",
        "a further option of `btx serve` and its values: --option=--intra-op-threads=1,2", "OPTION=LIST");
    private readonly Option<string[]> _peer = Repeated("--peer",
        "measure this too, with the same prompts: genai=DIR and llama.cpp=DIR (or llama.cpp-fp16) run one expert, dense=SERVED a dense "
            + "model in a server of its own; repeat it",
        "NAME=DIR");
    private readonly Flag<int> _peerThreads = new("--peer-threads N",
        "threads of genai and llama.cpp; a server's session has --intra-op-threads", 1);
    private readonly Flag<int?> _repeats = new("--repeats N", "measurements of each point (3)");
    private readonly Flag<int?> _referenceEvery = new("--reference-every N",
        "points between two measurements of the reference point, the first of the grid: how it varies is the machine's noise (8)");
    private readonly Flag<double?> _duration = new("--duration SECONDS", "seconds that are measured of each point (10)");
    private readonly Flag<int?> _requests = new("--requests N",
        "requests that are measured of each point, if that is reached before --duration");
    private readonly Flag<double?> _warmUp = new("--warm-up SECONDS", "seconds before that of each point (2)");
    private readonly Flag<double?> _heat = new("--server-warm-up SECONDS",
        "seconds of load on a server that was just started, before its first point (5)");
    private readonly Flag<double> _timeout = new("--timeout SECONDS", "seconds after which a request is given up", 120);
    private readonly Flag<string?> _prompts = new("--prompt-tokens LENGTHS",
        $"prompt lengths: {LengthsReader.Forms} (lognormal:32,0.5,64)");
    private readonly Flag<string?> _outputs = new("--output-tokens LENGTHS", "output lengths, likewise (fixed:32)");
    private readonly Flag<string?> _domains = new("--domains MIX", "domain mix of the prompts: novels=0.7,python=0.3 (all alike)");
    private readonly Flag<string?> _objective = new("--objective LIMITS", $"service objective for the goodput: {ObjectiveCheck.Forms}");
    private readonly Flag<int> _seed = new("--seed N", "of order, prompts, lengths and arrivals", 1);
    private readonly Flag<bool> _quick = new("--quick", "few points of a second each: shows that everything works, measures little");
    private readonly Flag<string?> _server = new($"{ServerFlag.Name} GRPC[,HTTP]",
        "load this running server instead of starting some: its gRPC door, and after a comma its HTTP door for metrics "
            + $"({ServerFlag.Variable}, where neither --forest nor --btx is given)");
    private readonly Flag<bool> _remote = new("--allow-remote", "--server may be on another machine");
    private readonly Flag<string?> _command = new("--server-command FILE",
        $"Btx.Server.dll or an executable that serves ({ServerCommand.Variable})");

    public IReadOnlyList<Option> All =>
        [_forest, _mixture, _corpus, _out, _modes, _k, _concurrency, _rate, _rateModes, _precision, _option, _peer, _peerThreads,
            _repeats, _referenceEvery, _duration, _requests, _warmUp, _heat, _timeout, _prompts, _outputs, _domains, _objective, _seed,
            _quick, _server, _remote, _command];

    /// <exception cref="LoadTestException">A value that cannot be read, or some that do not go together.</exception>
    public SweepRequest Read(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        string Text(Option<string?> option, string usual, string ofQuick) => parsed.GetValue(option) ?? (quick ? ofQuick : usual);
        var concurrency = Text(_concurrency, "1,2,4,8", "1,4");
        var rate = Text(_rate, "", "50%,100%,150%");
        var (rates, shares) = rate.Length == 0 ? ([], []) : CurveRates.Read("--rate", rate);
        var peers = Peers(parsed);
        var grid = new Grid
        {
            Peers = [.. peers.Choices.Select(c => (c.Mode, c.Precision))],
            Modes = Words("--modes", parsed.GetValue(_modes)),
            K = Text(_k, "", "") is { Length: > 0 } k ? ValueList.Integers("--k", k) : null,
            Concurrency = concurrency == "0" ? [] : ValueList.Integers("--concurrency", concurrency),
            Rates = rates,
            RateShares = shares,
            RateModes = Words("--rate-modes", parsed.GetValue(_rateModes) ?? (quick && parsed.GetValue(_rate) is null ? "ensemble" : null)),
            Options = ServerOptions(parsed.GetValue(_option)!),
        };
        Grid.RequireModes("--modes", grid.Modes ?? []);
        foreach (var c in grid.Concurrency.Where(v => v > ArrivalsReader.MostInFlight))
            throw new LoadTestException($"--concurrency {c}: one client has {ArrivalsReader.MostInFlight} requests in flight at most");
        foreach (var r in grid.Rates.Where(v => v > ArrivalsReader.MostPerSecond))
            throw new LoadTestException($"--rate {r}: one client sends {ArrivalsReader.MostPerSecond} requests a second at most");
        if (grid.RateShares.Count > 0 && grid.Concurrency.Count == 0)
            throw new LoadTestException("--rate with %: shares of the best closed loop need closed loops; give --concurrency");
        var texts = PromptTexts.Read(parsed.GetValue(_corpus)!);
        var servers = Servers(parsed, grid);
        var words = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["--modes"] = parsed.GetValue(_modes) ?? "all",
            ["--k"] = parsed.GetValue(_k) ?? "all",
            ["--concurrency"] = concurrency,
            ["--rate"] = rate.Length == 0 ? "none" : rate,
            ["--rate-modes"] = grid.RateModes is null ? "all" : string.Join(',', grid.RateModes),
            ["--corpus"] = Path.GetFullPath(parsed.GetValue(_corpus)!),
            ["--option"] = string.Join(' ', grid.Options.Select(o => $"{o.Key}={string.Join(',', o.Value)}")),
            ["--repeats"] = $"{Positive("--repeats", parsed.GetValue(_repeats) ?? (quick ? 2 : 3))}",
            ["--reference-every"] = $"{Positive("--reference-every", parsed.GetValue(_referenceEvery) ?? 8)}",
            ["--duration"] = $"{parsed.GetValue(_duration) ?? (quick ? 1 : 10)}",
            ["--requests"] = parsed.GetValue(_requests) is { } n ? $"{n}" : "any",
            ["--warm-up"] = $"{parsed.GetValue(_warmUp) ?? (quick ? 0.3 : 2)}",
            ["--timeout"] = $"{parsed.GetValue(_timeout)}",
            ["--prompt-tokens"] = Text(_prompts, "lognormal:32,0.5,64", "fixed:12"),
            ["--output-tokens"] = Text(_outputs, "fixed:32", "fixed:8"),
            ["--domains"] = parsed.GetValue(_domains) ?? "all",
            ["--objective"] = parsed.GetValue(_objective) ?? "none",
            ["--seed"] = $"{parsed.GetValue(_seed)}",
            ["--precision"] = string.Join(',', servers.Precisions),
            ["--peer"] = string.Join(' ', peers.Choices.Select(c => c.ToString())),
            ["--peer-threads"] = $"{parsed.GetValue(_peerThreads)}",
        };
        return new()
        {
            Out = parsed.GetValue(_out)!,
            Grid = grid,
            Servers = servers,
            Peers = peers,
            Repeats = int.Parse(words["--repeats"]),
            ReferenceEvery = int.Parse(words["--reference-every"]),
            Shape = new()
            {
                Texts = texts,
                Mix = DomainMix.Read("--domains", parsed.GetValue(_domains), texts.Domains),
                Prompts = LengthsReader.Read("--prompt-tokens", words["--prompt-tokens"]),
                Outputs = LengthsReader.Read("--output-tokens", words["--output-tokens"]),
                Bounds = new LoadBounds
                {
                    WarmUpSeconds = double.Parse(words["--warm-up"]),
                    Seconds = double.Parse(words["--duration"]),
                    Requests = parsed.GetValue(_requests),
                    TimeoutSeconds = parsed.GetValue(_timeout)
                }.Validate(),
                HeatSeconds = parsed.GetValue(_heat) is var heat and not null ? heat is > 0 and <= 1e6 ? heat.Value
                    : throw new LoadTestException($"--server-warm-up {heat}: expected more than 0 seconds") : quick ? 1 : 5,
                Seed = parsed.GetValue(_seed),
                Objective = parsed.GetValue(_objective) is { } objective ? ObjectiveCheck.Read("--objective", objective) : null,
            },
            Asked = words,
            Corpus = parsed.GetValue(_corpus)!,
            Quick = quick,
        };
    }

    private ServerInputs Servers(ParseResult parsed, Grid grid)
    {
        var forests = ServedDirectory.ByPrecision("--forest", parsed.GetValue(_forest)!, ServedDirectory.Forest);
        var mixtures = ServedDirectory.ByPrecision("--btx", parsed.GetValue(_mixture)!, ServedDirectory.Mixture);
        var running = parsed.GetValue(_server);
        if (forests.Count + mixtures.Count == 0 && Environment.GetEnvironmentVariable(ServerFlag.Variable) is { Length: > 0 } set)
            running ??= set;
        if (running is null && forests.Count + mixtures.Count == 0)
            throw new LoadTestException(
                "what is to be served? Give --forest DIR or --btx DIR, or load a running server with --server ADDRESS");
        if (running is not null && forests.Count + mixtures.Count + grid.Options.Count > 0)
            throw new LoadTestException($"--server {running}: a running server is loaded as it is; leave --forest, "
                + "--btx and --option out, or --server");
        string[] given = [.. forests.Keys.Union(mixtures.Keys)];
        var wanted = Words("--precision", parsed.GetValue(_precision));
        if (running is null && wanted?.FirstOrDefault(p => !given.Contains(p)) is { } missing)
            throw new LoadTestException(
                $"--precision {missing}: neither --forest nor --btx is of it; given are {string.Join(", ", given)}");
        var doors = running is null ? default : DoorAddress.ParseServer(ServerFlag.Name, running, parsed.GetValue(_remote));
        return new()
        {
            Command = running is null ? ServerCommand.Find(parsed.GetValue(_command)) : null,
            Grpc = doors.Grpc,
            Http = doors.Http,
            Forests = forests,
            Mixtures = mixtures,
            Precisions = wanted ?? given,
            Concurrency = grid.Concurrency.DefaultIfEmpty(1).Max(),
            AveragesOnDemand = grid.Modes is { } modes && !modes.Any(m => m.StartsWith("average", StringComparison.Ordinal)),
            FirstOptions = grid.Options.ToDictionary(o => o.Key, o => o.Value[0]),
        };
    }

    private PeerRequest Peers(ParseResult parsed)
    {
        var choices = PeerChoice.ParseAll(parsed.GetValue(_peer)!);
        var threads = Positive("--peer-threads", parsed.GetValue(_peerThreads));
        foreach (var choice in choices.Where(c => c.Kind != PeerKind.Dense)) _ = PeerCommand.Of(choice, threads, 1, null); // is it built?
        return new(choices, threads, choices.Any(c => c.Kind == PeerKind.Dense) ? ServerCommand.Find(parsed.GetValue(_command)) : null);
    }

    private static Dictionary<string, IReadOnlyList<string>> ServerOptions(string[] given)
    {
        string[] own = ["--forest", "--btx", "--http", "--grpc", "--read-only", "--no-verify", "--help"];
        var options = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var text in given)
        {
            var at = text.IndexOf('=', StringComparison.Ordinal);
            var name = at < 0 ? text : $"--{text[..at].TrimStart('-')}";
            if (at < 0 || name.Length < 3)
                throw new LoadTestException($"--option {text}: expected an option of `btx serve` with its "
                    + "values, such as --intra-op-threads=1,2");
            if (own.Contains(name)) throw new LoadTestException($"--option {text}: the sweep sets {name} itself");
            if (!options.TryAdd(name, ValueList.Words($"--option {name}", text[(at + 1)..])))
                throw new LoadTestException($"--option {text}: {name} is given twice; list its values once");
        }

        return options;
    }

    private static IReadOnlyList<string>? Words(string option, string? text) => text is null ? null : ValueList.Words(option, text);

    private static int Positive(string option, int value) => value > 0 ? value
        : throw new LoadTestException($"{option} {value}: expected 1 or more");

    private static Option<string[]> Repeated(string name, string description, string value) =>
        new(name) { Description = description, HelpName = value, DefaultValueFactory = _ => [] };
}
