using Btx.LoadTests.Sweeps;
using Btx.V1;

namespace Btx.LoadTests.Verbs;

/// <summary>The options of <c>sweep</c>, and what they say together.</summary>
internal sealed class SweepFlags
{
    private readonly Flag<string[]> _forest = new("--forest DIR", "served forest; repeat it for other precisions (fp16=DIR)", []);
    private readonly Flag<string[]> _mixture = new("--btx DIR", "served BTX model for mode moe; repeat it for other precisions", []);
    private readonly LoadFlags _shared = new("order, prompts, lengths and arrivals");
    private readonly Flag<string> _out = new("--out RUN", "the run's directory; the same command goes on there") { Required = true };
    private readonly Flag<string?> _modes = new("--modes LIST",
        "ensemble, top_k, top_p:MASS, moe, average, average:NAME, expert (of the prompt's domain), expert:NAME "
            + "(ensemble,top_k,average,moe: what is served of these)");
    private readonly Flag<string?> _k = new("--k LIST", "experts a token, of top_k and moe: 1..4 or 1,2,8 (all there are)");
    private readonly Choice _router = new("--router", ["all", "probe"],
        "what top_k and top_p choose by: the whole prompt (all) or its first tokens (probe)");
    private readonly Flag<string?> _concurrency = new("--concurrency LIST", "closed loops: requests in flight; 0: none (1,2,4,8)");
    private readonly Flag<string?> _rate = new("--rate LIST",
        "open loops (Poisson): requests a second, or shares of the best closed loop: 25%,50%,75%,100%,125%");
    private readonly Flag<string?> _rateModes = new("--rate-modes LIST", "measure open loops in these modes only: ensemble,top_k=2");
    private readonly Flag<string?> _precision = new("--precision LIST", "fp32, fp16, int8, int4 (all that --forest and --btx give)");
    private readonly Flag<string[]> _option = new("--option OPTION=LIST",
        "a further option of `btx serve` and its values: --option=--intra-op-threads=1,2", []);
    private readonly Flag<string[]> _peer = new("--peer NAME=DIR",
        "measure this too, with the same prompts: genai=DIR and llama.cpp=DIR (or llama.cpp-fp16) run one expert, dense=SERVED a dense "
            + "model in a server of its own; repeat it", []);
    private readonly Flag<int> _peerThreads = new("--peer-threads N", "threads of genai and llama.cpp; a server has --intra-op-threads", 1);
    private readonly Flag<int?> _repeats = new("--repeats N", "measurements of each point (3)");
    private readonly Flag<int?> _referenceEvery = new("--reference-every N",
        "points between two measurements of the reference point, the first of the grid: how it varies is the machine's noise (8)");
    private readonly Flag<double?> _duration = new("--duration SECONDS", "seconds that are measured of each point (10)");
    private readonly Flag<int?> _requests = new("--requests N", "requests that are measured of each point, within --duration");
    private readonly Flag<double?> _warmUp = new("--warm-up SECONDS", "seconds before that of each point (2)");
    private readonly Flag<double?> _heat = new("--server-warm-up SECONDS", "seconds of load on a server that was just started (5)");
    private readonly Flag<string?> _prompts = new("--prompt-tokens LENGTHS", $"prompt lengths: {Lengths.Forms} (lognormal:32,0.5,64)");
    private readonly Flag<string?> _outputs = new("--output-tokens LENGTHS", "output lengths, likewise (fixed:32)");
    private readonly Flag<bool> _quick = new("--quick", "few points of a second each: shows that everything works, measures little");
    private readonly Flag<string?> _server = new($"{ServerFlag.Name} GRPC[,HTTP]",
        "load this running server instead of starting some: where it speaks gRPC, and after a comma where HTTP, for metrics "
            + $"({ServerFlag.Variable}, where neither --forest nor --btx is given)");
    private readonly ApiKeyFlag _key = new();
    private readonly Flag<bool> _remote = new("--allow-remote", "--server may be on another machine");
    private readonly Flag<string?> _program = new("--server-command FILE", $"Btx.Server.dll or an executable ({ServerProcess.Variable})");
    private readonly Flag<string?> _evaluation = new("--evaluation FILE", "quality of the points in fp32, from `btx evaluate --json`");
    private readonly Flag<int> _qualityTokens = new("--quality-tokens N",
        "measure quality through the servers, on so many tokens of each domain; 0: not (instead of --evaluation)", 0);
    private readonly Choice _select = new("--quality-select", ["prompt", "per_token"],
        "while scoring, top_k and top_p choose once (prompt) or for every token (per_token)", "prompt");
    private readonly Choice _change = new("--change", ["remove-add", "none"],
        "end with changes under load, on a copy of the forest: remove-add (the last expert leaves and comes again) or none (remove-add "
            + "where servers are started with a forest)");
    private readonly Flag<string?> _guest = new("--change-expert DIR", "add this expert under load, then remove it");
    private readonly Flag<int?> _rounds = new("--change-rounds N", "how often (3)");

    public IReadOnlyList<Option> All => [_forest, _mixture, .. _shared.All, _out, _modes, _k, _router, _concurrency, _rate, _rateModes,
        _precision, _option, _peer, _peerThreads, _repeats, _referenceEvery, _duration, _requests, _warmUp, _heat, _prompts, _outputs,
        _quick, _server, _key, _remote, _program, _evaluation, _qualityTokens, _select, _change, _guest, _rounds];

    public SweepRequest Read(ParseResult parsed)
    {
        var quick = parsed.GetValue(_quick);
        string Text(Option<string?> option, string usual, string ofQuick) => parsed.GetValue(option) ?? (quick ? ofQuick : usual);
        var (concurrency, rate) = (Text(_concurrency, "1,2,4,8", "1,4"), Text(_rate, "", "50%,100%,150%"));
        var (rates, shares) = rate.Length == 0 ? ([], []) : ValueList.Rates("--rate", rate);
        var peers = Peers(parsed);
        var modes = parsed.GetValue(_rateModes) ?? (quick && parsed.GetValue(_rate) is null ? "ensemble" : null);
        var grid = new Grid(concurrency == "0" ? [] : ValueList.Integers("--concurrency", concurrency), rates,
            Words("--rate-modes", modes), Words("--modes", parsed.GetValue(_modes)),
            parsed.GetValue(_k) is { Length: > 0 } k ? ValueList.Integers("--k", k) : null)
        {
            RateShares = shares,
            Peers = [.. peers.Select(c => (c.Mode, c.Precision))],
            Options = ServerOptions(parsed.GetValue(_option)!),
        };
        grid.Validate();
        var texts = PromptTexts.Read(parsed.GetValue(_shared.Corpus)!);
        var servers = Servers(parsed, grid, peers);
        var repeats = Positive("--repeats", parsed.GetValue(_repeats) ?? (quick ? 2 : 3));
        var referenceEvery = Positive("--reference-every", parsed.GetValue(_referenceEvery) ?? 8);
        var bounds = new LoadBounds(WarmUpSeconds: parsed.GetValue(_warmUp) ?? (quick ? 0.3 : 2),
            Seconds: parsed.GetValue(_duration) ?? (quick ? 1 : 10), Requests: parsed.GetValue(_requests),
            TimeoutSeconds: parsed.GetValue(_shared.Timeout)).Validate();
        var heat = parsed.GetValue(_heat) ?? (quick ? 1 : 5);
        if (heat is not (> 0 and <= 1e6)) throw new LoadTestException($"--server-warm-up {heat}: expected more than 0 seconds");
        var (prompts, outputs) = (Text(_prompts, "lognormal:32,0.5,64", "fixed:12"), Text(_outputs, "fixed:32", "fixed:8"));
        var shape = new LoadShape(texts, _shared.ReadMix(parsed, texts), Lengths.Read("--prompt-tokens", prompts),
            Lengths.Read("--output-tokens", outputs), bounds, heat, parsed.GetValue(_shared.Seed), _shared.ReadObjective(parsed),
            parsed.GetValue(_router));
        var asked = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["--concurrency"] = concurrency,
            ["--rate"] = rate.Length == 0 ? "none" : rate,
            ["--rate-modes"] = grid.RateModes is null ? "all" : string.Join(',', grid.RateModes),
            ["--corpus"] = Path.GetFullPath(parsed.GetValue(_shared.Corpus)!),
            ["--option"] = string.Join(' ', grid.Options.Select(o => $"{o.Key}={string.Join(',', o.Value)}")),
            ["--repeats"] = $"{repeats}",
            ["--reference-every"] = $"{referenceEvery}",
            ["--duration"] = $"{bounds.Seconds}",
            ["--warm-up"] = $"{bounds.WarmUpSeconds}",
            ["--prompt-tokens"] = prompts,
            ["--output-tokens"] = outputs,
            ["--precision"] = string.Join(',', servers.Precisions),
            ["--peer"] = string.Join(' ', peers),
        };
        foreach (var (option, usual) in new (Option, string)[] { (_modes, "all"), (_k, "all"), (_router, "all"), (_requests, "any"),
            (_shared.Domains, "all"), (_shared.Objective, "none"), (_shared.Timeout, "120"), (_shared.Seed, "1"), (_peerThreads, "1") })
            asked[option.Name] = parsed.GetResult(option) is { Tokens: [var said] } ? said.Value : usual;
        return new(parsed.GetValue(_out)!, asked, grid, servers, shape, peers, repeats, referenceEvery, quick ? 0.5 : 3,
            Quality(parsed), Change(parsed, servers, grid));
    }

    private ServerInputs Servers(ParseResult parsed, Grid grid, IReadOnlyList<PeerChoice> peers)
    {
        var forests = ServerInputs.ByPrecision("--forest", parsed.GetValue(_forest)!, ServerInputs.ForestFile);
        var mixtures = ServerInputs.ByPrecision("--btx", parsed.GetValue(_mixture)!, ServerInputs.MixtureFile);
        string[] given = [.. forests.Keys.Union(mixtures.Keys)];
        var running = parsed.GetValue(_server);
        if (given.Length == 0 && Environment.GetEnvironmentVariable(ServerFlag.Variable) is { Length: > 0 } set) running ??= set;
        if (running is null && given.Length == 0)
            throw new LoadTestException("what is to be served? Give --forest DIR or --btx DIR, or load a running server with --server");
        if (running is not null && given.Length + grid.Options.Count > 0)
            throw new LoadTestException($"--server {running}: a running server is loaded as it is, without --forest, --btx, --option");
        var wanted = Words("--precision", parsed.GetValue(_precision));
        if (running is null && wanted?.FirstOrDefault(p => !given.Contains(p)) is { } missing)
            throw new LoadTestException($"--precision {missing}: neither --forest nor --btx is of it, only of {string.Join(", ", given)}");
        var (grpc, http) = running is null ? default : ServerAddress.ParseServer(ServerFlag.Name, running, parsed.GetValue(_remote));
        var onDemand = grid.Modes is { } modes && !modes.Any(m => m.StartsWith("average", StringComparison.Ordinal));
        var program = running is null || peers.Any(p => p.Kind == PeerKind.Dense) ? ServerProcess.Program(parsed.GetValue(_program)) : [];
        return new(forests, mixtures, wanted ?? given, grid.Concurrency.DefaultIfEmpty(1).Max(), onDemand,
            grid.Options.ToDictionary(o => o.Key, o => o.Value[0]), program, grpc, http,
            running is null ? null : ServerAddress.ReadKey(parsed, _key));
    }

    private PeerChoice[] Peers(ParseResult parsed)
    {
        var threads = Positive("--peer-threads", parsed.GetValue(_peerThreads));
        PeerChoice[] peers = [.. PeerChoice.ParseAll(parsed.GetValue(_peer)!).Select(c => c with { Threads = threads })];
        foreach (var peer in peers.Where(p => p.Kind != PeerKind.Dense)) _ = peer.Command(1, 0); // is it built?
        return peers;
    }

    private QualityRequest Quality(ParseResult parsed)
    {
        var quality = new QualityRequest(parsed.GetValue(_evaluation), parsed.GetValue(_qualityTokens),
            parsed.GetValue(_select) == "prompt" ? Selection.Prompt : Selection.PerToken);
        if (quality is { Evaluation: not null, Tokens: not 0 })
            throw new LoadTestException("--evaluation and --quality-tokens are both given: two kinds of figures; choose one");
        if (quality.Evaluation is not null && parsed.GetValue(_router) == "probe")
            throw new LoadTestException("--evaluation: its top_k and top_p choose otherwise than --router probe; use --quality-tokens N");
        return quality.Tokens >= 0 ? quality : throw new LoadTestException($"--quality-tokens {quality.Tokens}: expected 0 or more");
    }

    private ChangeRequest Change(ParseResult parsed, ServerInputs servers, Grid grid)
    {
        var (kind, guest, rounds) = (parsed.GetValue(_change), parsed.GetValue(_guest), parsed.GetValue(_rounds));
        var (quick, possible) = (parsed.GetValue(_quick), servers.Forests.Count > 0);
        if (rounds < 1) throw new LoadTestException($"--change-rounds {rounds}: expected 1 or more; --change none leaves changes out");
        if (guest is not null && kind is not null)
            throw new LoadTestException($"--change-expert {guest}: says already what is changed; leave --change {kind} out");
        if (guest is not null && !Directory.Exists(guest)) throw new LoadTestException($"--change-expert {guest}: no such directory");
        if (!possible && (guest is not null || kind == "remove-add"))
            throw new LoadTestException("--change and --change-expert change a copy of a forest; give --forest DIR, not --server");
        return new(kind == "none" || !possible ? 0 : rounds ?? (quick ? 1 : 3), guest,
            Math.Min(4, grid.Concurrency.DefaultIfEmpty(4).Max()), TimeSpan.FromSeconds(quick ? 1 : 5));
    }

    private static Dictionary<string, IReadOnlyList<string>> ServerOptions(string[] given)
    {
        string[] own = ["--forest", "--btx", "--http", "--grpc", "--read-only", "--no-verify", "--help"];
        var options = new Dictionary<string, IReadOnlyList<string>>(StringComparer.Ordinal);
        foreach (var text in given)
        {
            var (name, values) = text.Split('=', 2) is [var before, var after] ? ($"--{before.TrimStart('-')}", after) : ("", "");
            if (name.Length < 3) throw new LoadTestException($"--option {text}: expected an option and values: --intra-op-threads=1,2");
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
