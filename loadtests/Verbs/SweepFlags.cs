using System.CommandLine;
using Btx.LoadTests.Changes;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Load;
using Btx.LoadTests.Quality;
using Btx.LoadTests.Sweeps;
using Btx.V1;

namespace Btx.LoadTests.Verbs;

/// <summary>The options of <c>sweep</c>, and what they say together.</summary>
internal sealed class SweepFlags(Command command)
{
    private readonly Option<string[]> _forest = command.Flag<string[]>("--forest",
        "served forest, which `btx export` writes; repeat it for other precisions (fp16=DIR)", "DIR", []);
    private readonly Option<string[]> _mixture =
        command.Flag<string[]>("--btx", "served BTX model for mode moe; repeat it for other precisions", "DIR", []);
    private readonly LoadFlags _shared = new(command, "order, prompts, lengths and arrivals");
    private readonly Option<string> _out =
        command.Required("--out", "the run's directory; the same command goes on with what is there", "RUN");
    private readonly Option<string?> _modes = command.Flag<string?>("--modes", "ensemble, top_k, top_p:MASS, moe, average, average:NAME, "
        + "expert (of the prompt's domain), expert:NAME (ensemble,top_k,average,moe: what is served of these)", "LIST");
    private readonly Option<string?> _k =
        command.Flag<string?>("--k", "experts a token, of top_k and moe: 1..4 or 1,2,8 (all there are)", "LIST");
    private readonly Option<string?> _concurrency =
        command.Flag<string?>("--concurrency", "closed loops: requests in flight; 0: none (1,2,4,8)", "LIST");
    private readonly Option<string?> _rate = command.Flag<string?>("--rate",
        "open loops (Poisson): requests a second, or shares of the best closed loop: 25%,50%,75%,100%,125%", "LIST");
    private readonly Option<string?> _rateModes =
        command.Flag<string?>("--rate-modes", "measure open loops in these modes only: ensemble,top_k=2", "LIST");
    private readonly Option<string?> _precision =
        command.Flag<string?>("--precision", "fp32, fp16, int8, int4 (all that --forest and --btx give)", "LIST");
    private readonly Option<string[]> _option = command.Flag<string[]>("--option",
        "a further option of `btx serve` and its values: --option=--intra-op-threads=1,2", "OPTION=LIST", []);
    private readonly Option<string[]> _peer = command.Flag<string[]>("--peer", "measure this too, with the same prompts: genai=DIR and "
        + "llama.cpp=DIR (or llama.cpp-fp16) run one expert, dense=SERVED a dense model in a server of its own; repeat it", "NAME=DIR", []);
    private readonly Option<int> _peerThreads =
        command.Flag("--peer-threads", "threads of genai and llama.cpp; a server's session has --intra-op-threads", null, 1);
    private readonly Option<int?> _repeats = command.Flag<int?>("--repeats", "measurements of each point (3)");
    private readonly Option<int?> _referenceEvery = command.Flag<int?>("--reference-every", "points between two measurements of the reference "
        + "point, the first of the grid: how it varies is the machine's noise (8)");
    private readonly Option<double?> _duration = command.Flag<double?>("--duration", "seconds that are measured of each point (10)");
    private readonly Option<int?> _requests = command.Flag<int?>("--requests",
        "requests that are measured of each point, if that is reached before --duration");
    private readonly Option<double?> _warmUp = command.Flag<double?>("--warm-up", "seconds before that of each point (2)");
    private readonly Option<double?> _heat = command.Flag<double?>("--server-warm-up",
        "seconds of load on a server that was just started, before its first point (5)");
    private readonly Option<string?> _prompts =
        command.Flag<string?>("--prompt-tokens", $"prompt lengths: {Lengths.Forms} (lognormal:32,0.5,64)", "LENGTHS");
    private readonly Option<string?> _outputs = command.Flag<string?>("--output-tokens", "output lengths, likewise (fixed:32)", "LENGTHS");
    private readonly Option<bool> _quick =
        command.Flag<bool>("--quick", "few points of a second each: shows that everything works, measures little");
    private readonly Option<string?> _server = command.Flag<string?>(ServerAddress.Option, "load this running server instead of starting some: "
        + $"where it speaks gRPC, and after a comma where HTTP, for metrics ({ServerAddress.Variable}, where neither --forest nor --btx is given)",
        "GRPC[,HTTP]");
    private readonly Option<bool> _remote = command.Flag<bool>("--allow-remote", "--server may be on another machine");
    private readonly Option<string?> _program = command.Flag<string?>("--server-command",
        $"Btx.Server.dll or an executable that serves ({ServerProcess.Variable})", "FILE");
    private readonly Option<string?> _evaluation =
        command.Flag<string?>("--evaluation", "quality of the points in fp32, from `btx evaluate --json`", "FILE");
    private readonly Option<int> _qualityTokens = command.Flag("--quality-tokens", "measure quality through the servers, in every precision "
        + "alike, on so many tokens of each domain; 0: not (instead of --evaluation)", null, 0);
    private readonly Option<string> _select = command.Flag("--quality-select",
        "while scoring, top_k and top_p choose once (prompt) or for every token (per_token)", "FORM", "prompt", "prompt", "per_token");
    private readonly Option<string?> _change = command.Flag<string?>("--change", "end with changes under load, on a copy of the forest: "
        + "remove-add (the last expert leaves and comes again) or none (remove-add where servers are started with a forest)", "KIND", null,
        "remove-add", "none");
    private readonly Option<string?> _guest = command.Flag<string?>("--change-expert", "add this expert under load, then remove it", "DIR");
    private readonly Option<int?> _rounds = command.Flag<int?>("--change-rounds", "how often (3)");

    /// <exception cref="LoadTestException">A value that cannot be read, or some that do not go together.</exception>
    public SweepRequest Read(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        string Text(Option<string?> option, string usual, string ofQuick) => parsed.GetValue(option) ?? (quick ? ofQuick : usual);
        var (concurrency, rate) = (Text(_concurrency, "1,2,4,8", "1,4"), Text(_rate, "", "50%,100%,150%"));
        var (rates, shares) = rate.Length == 0 ? ([], []) : ValueList.Rates("--rate", rate);
        var peers = Peers(parsed);
        var grid = new Grid
        {
            Peers = [.. peers.Choices.Select(c => (c.Mode, c.Precision))],
            Modes = Words("--modes", parsed.GetValue(_modes)),
            K = parsed.GetValue(_k) is { Length: > 0 } k ? ValueList.Integers("--k", k) : null,
            Concurrency = concurrency == "0" ? [] : ValueList.Integers("--concurrency", concurrency),
            Rates = rates,
            RateShares = shares,
            RateModes = Words("--rate-modes", parsed.GetValue(_rateModes) ?? (quick && parsed.GetValue(_rate) is null ? "ensemble" : null)),
            Options = ServerOptions(parsed.GetValue(_option)!),
        };
        grid.Validate();
        var texts = PromptTexts.Read(_shared.Corpus(parsed));
        var servers = Servers(parsed, grid);
        var repeats = Positive("--repeats", parsed.GetValue(_repeats) ?? (quick ? 2 : 3));
        var referenceEvery = Positive("--reference-every", parsed.GetValue(_referenceEvery) ?? 8);
        var bounds = new LoadBounds
        {
            WarmUpSeconds = parsed.GetValue(_warmUp) ?? (quick ? 0.3 : 2),
            Seconds = parsed.GetValue(_duration) ?? (quick ? 1 : 10),
            Requests = parsed.GetValue(_requests),
            TimeoutSeconds = _shared.Timeout(parsed),
        }.Validate();
        var heat = parsed.GetValue(_heat) ?? (quick ? 1 : 5);
        if (heat is not (> 0 and <= 1e6)) throw new LoadTestException($"--server-warm-up {heat}: expected more than 0 seconds");
        var (prompts, outputs) = (Text(_prompts, "lognormal:32,0.5,64", "fixed:12"), Text(_outputs, "fixed:32", "fixed:8"));
        return new()
        {
            Out = parsed.GetValue(_out)!,
            Grid = grid,
            Servers = servers,
            Peers = peers,
            Repeats = repeats,
            ReferenceEvery = referenceEvery,
            Shape = new(texts, _shared.Mix(parsed, texts), Lengths.Read("--prompt-tokens", prompts), Lengths.Read("--output-tokens", outputs),
                bounds, heat, _shared.Seed(parsed), _shared.Objective(parsed)),
            Asked = new Dictionary<string, string>(StringComparer.Ordinal)
            {
                ["--modes"] = parsed.GetValue(_modes) ?? "all",
                ["--k"] = parsed.GetValue(_k) ?? "all",
                ["--concurrency"] = concurrency,
                ["--rate"] = rate.Length == 0 ? "none" : rate,
                ["--rate-modes"] = grid.RateModes is null ? "all" : string.Join(',', grid.RateModes),
                ["--corpus"] = Path.GetFullPath(_shared.Corpus(parsed)),
                ["--option"] = string.Join(' ', grid.Options.Select(o => $"{o.Key}={string.Join(',', o.Value)}")),
                ["--repeats"] = $"{repeats}",
                ["--reference-every"] = $"{referenceEvery}",
                ["--duration"] = $"{bounds.Seconds}",
                ["--requests"] = bounds.Requests is { } n ? $"{n}" : "any",
                ["--warm-up"] = $"{bounds.WarmUpSeconds}",
                ["--timeout"] = $"{bounds.TimeoutSeconds}",
                ["--prompt-tokens"] = prompts,
                ["--output-tokens"] = outputs,
                ["--domains"] = _shared.Domains(parsed) ?? "all",
                ["--objective"] = _shared.Limits(parsed) ?? "none",
                ["--seed"] = $"{_shared.Seed(parsed)}",
                ["--precision"] = string.Join(',', servers.Precisions),
                ["--peer"] = string.Join(' ', peers.Choices),
                ["--peer-threads"] = $"{peers.Threads}",
            },
            Corpus = _shared.Corpus(parsed),
            CeilingSeconds = quick ? 0.5 : 3,
            Quality = Quality(parsed),
            Change = Change(parsed, servers, grid),
        };
    }

    private ServerInputs Servers(ParseResult parsed, Grid grid)
    {
        var forests = ServerInputs.ByPrecision("--forest", parsed.GetValue(_forest)!, ServerInputs.ForestFile);
        var mixtures = ServerInputs.ByPrecision("--btx", parsed.GetValue(_mixture)!, ServerInputs.MixtureFile);
        string[] given = [.. forests.Keys.Union(mixtures.Keys)];
        var running = parsed.GetValue(_server);
        if (given.Length == 0 && Environment.GetEnvironmentVariable(ServerAddress.Variable) is { Length: > 0 } set) running ??= set;
        if (running is null && given.Length == 0)
            throw new LoadTestException("what is to be served? Give --forest DIR or --btx DIR, or load a running server with --server ADDRESS");
        if (running is not null && given.Length + grid.Options.Count > 0)
            throw new LoadTestException($"--server {running}: a running server is loaded as it is; leave --forest, --btx and --option out, or "
                + "--server");
        var wanted = Words("--precision", parsed.GetValue(_precision));
        if (running is null && wanted?.FirstOrDefault(p => !given.Contains(p)) is { } missing)
            throw new LoadTestException($"--precision {missing}: neither --forest nor --btx is of it; given are {string.Join(", ", given)}");
        var (grpc, http) = running is null ? default : ServerAddress.ParseServer(ServerAddress.Option, running, parsed.GetValue(_remote));
        return new()
        {
            Program = running is null ? ServerProcess.Program(parsed.GetValue(_program)) : [],
            Grpc = grpc,
            Http = http,
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
        foreach (var choice in choices.Where(c => c.Kind != PeerKind.Dense)) _ = choice.Command(threads, 1, 0); // is it built?
        return new(choices, threads, choices.Any(c => c.Kind == PeerKind.Dense) ? ServerProcess.Program(parsed.GetValue(_program)) : []);
    }

    private QualityRequest Quality(ParseResult parsed)
    {
        var quality = new QualityRequest(parsed.GetValue(_evaluation), parsed.GetValue(_qualityTokens),
            parsed.GetValue(_select) == "prompt" ? Selection.Prompt : Selection.PerToken);
        if (quality is { Evaluation: not null, Tokens: not 0 })
            throw new LoadTestException("--evaluation and --quality-tokens are both given: figures of two kinds do not belong on one axis; "
                + "choose one");
        return quality.Tokens >= 0 ? quality : throw new LoadTestException($"--quality-tokens {quality.Tokens}: expected 0 or more");
    }

    private ChangeRequest Change(ParseResult parsed, ServerInputs servers, Grid grid)
    {
        var (kind, guest, rounds, quick) = (parsed.GetValue(_change), parsed.GetValue(_guest), parsed.GetValue(_rounds), parsed.GetValue(_quick));
        if (rounds < 1) throw new LoadTestException($"--change-rounds {rounds}: expected 1 or more; --change none leaves changes out");
        if (guest is not null && kind is not null)
            throw new LoadTestException($"--change-expert {guest}: says already what is changed; leave --change {kind} out");
        if (guest is not null && !Directory.Exists(guest))
            throw new LoadTestException($"--change-expert {guest}: no such directory; name an expert's");
        var possible = servers.Forests.Count > 0;
        if (!possible && (guest is not null || kind == "remove-add"))
            throw new LoadTestException($"{(guest is null ? "--change remove-add" : $"--change-expert {guest}")}: a forest is changed only on a "
                + "server that the sweep starts, on a copy; give --forest DIR, not --server");
        return new(kind == "none" || !possible ? 0 : rounds ?? (quick ? 1 : 3), guest, Math.Min(4, grid.Concurrency.DefaultIfEmpty(4).Max()),
            TimeSpan.FromSeconds(quick ? 1 : 5));
    }

    private static Dictionary<string, IReadOnlyList<string>> ServerOptions(string[] given)
    {
        string[] own = ["--forest", "--btx", "--http", "--grpc", "--read-only", "--no-verify", "--help"];
        var options = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var text in given)
        {
            var (name, values) = text.Split('=', 2) is [var before, var after] ? ($"--{before.TrimStart('-')}", after) : ("", "");
            if (name.Length < 3)
                throw new LoadTestException($"--option {text}: expected an option of `btx serve` with its values, such as --intra-op-threads=1,2");
            if (own.Contains(name)) throw new LoadTestException($"--option {text}: the sweep sets {name} itself");
            if (!options.TryAdd(name, ValueList.Words($"--option {name}", values)))
                throw new LoadTestException($"--option {text}: {name} is given twice; list its values once");
        }

        return options;
    }

    private static IReadOnlyList<string>? Words(string option, string? text) => text is null ? null : ValueList.Words(option, text);

    private static int Positive(string option, int value) =>
        value > 0 ? value : throw new LoadTestException($"{option} {value}: expected 1 or more");
}
