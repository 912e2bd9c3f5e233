using System.CommandLine;
using System.Globalization;
using Btx.Cli;
using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Verbs;

/// <summary>What to plan for.</summary>
internal sealed class PlanFlags
{
    private readonly Flag<string> _experts = new("--experts N,N", "how many experts, several after commas", "8,64,512");
    private readonly Flag<string?> _parameters = new("--expert-parameters N",
        "parameters of an expert: 280k, 125M, 1.3B (with --run: as --fitted-parameters unless given)");
    private readonly Choice _precision = new("--precision", [.. ExpertSize.BytesPerParameter.Keys], "of the weights", "fp16");
    private readonly Flag<double?> _kv = new("--kv-bytes-per-token BYTES",
        "keys and values of a token on an expert (a Llama of usual proportions)");
    private readonly Flag<double?> _load = new("--load RATE", "requests a second");
    private readonly Flag<double> _prompt = new("--prompt-tokens N", "mean", 256);
    private readonly Flag<double> _output = new("--output-tokens N", "mean", 128);
    private readonly Flag<string> _mix = new("--mix MIX", $"of domains: {DomainShares.Forms}", "uniform");
    private readonly Choice _mode = new("--mode", ["top_k", "ensemble", "expert", "moe"], "how requests are routed", "top_k");
    private readonly Flag<int> _k = new("--k K", "experts a token, of top_k and moe", 2);
    private readonly Choice _choice = new("--choice", [PlannedRouting.ByPrompt, PlannedRouting.ByDomain],
        "who chooses the k of top_k: prompt (every expert reads it first) or domain (the caller knows)", PlannedRouting.ByPrompt);
    private readonly Flag<double?> _interToken = new("--inter-token SECONDS",
        "seconds that a step may take; smaller batches are planned for it");
    private readonly Flag<double> _utilisation = new("--utilisation SHARE", "share of time that a device may be busy", 0.7);
    private readonly Flag<double> _memoryShare = new("--memory-share SHARE", "share of memory that may be used", 0.9);
    private readonly Flag<int> _slots = new("--slots N", "requests at a time that a server has caches for", 16);

    public IReadOnlyList<Option> All => [_experts, _parameters, _precision, _kv, _load, _prompt, _output, _mix, _mode, _k, _choice,
            _interToken, _utilisation, _memoryShare, _slots];

    public bool HasLoad(ParseResult parsed) => parsed.GetValue(_load) is not null;

    public int[] Experts(ParseResult parsed)
    {
        var text = parsed.GetValue(_experts)!;
        return [.. text.Split(',')
            .Select(part => int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var n) && n is >= 1 and <= 65_536 ? n
            : throw new LoadTestException($"--experts {text}: \"{part}\" is no number of experts from 1 to 65,536"))];
    }

    /// <param name="fitted">Parameters of a measured expert, if there is one.</param>
    public ExpertSize Expert(ParseResult parsed, double? fitted)
    {
        var parameters = parsed.GetValue(_parameters) is { } text ? ExpertSize.ReadParameters("--expert-parameters", text)
            : fitted ?? throw new LoadTestException("--expert-parameters is missing: the size of an expert, such as 125M");
        var precision = parsed.GetValue(_precision)!;
        return new ExpertSize(parameters, precision, Between("--kv-bytes-per-token",
            parsed.GetValue(_kv) ?? ExpertSize.UsualKvBytesPerToken(parameters, precision), 0, 1e9, orLow: true));
    }

    public PlannedLoad Load(ParseResult parsed) => new(
        Between("--load",
            parsed.GetValue(_load) ?? throw new LoadTestException("--load is missing: requests a second, such as 50"), 0, 1e6),
        Between("--prompt-tokens", parsed.GetValue(_prompt), 0, 1e6), Between("--output-tokens", parsed.GetValue(_output), 0, 1e6),
            parsed.GetValue(_mix)!,
        parsed.GetValue(_interToken) is { } limit ? Between("--inter-token", limit, 0, 3600) : null);

    public PlannedRouting Routing(ParseResult parsed)
    {
        var (mode, k) = (parsed.GetValue(_mode)!, parsed.GetValue(_k));
        if (k < 1) throw new LoadTestException($"--k is {k}; expected 1 or more");
        var fewest = Experts(parsed).Min();
        if (mode is "top_k" or "moe" && k > fewest) throw new LoadTestException($"--k is {k}, more than the {fewest} of --experts");
        return new PlannedRouting(mode, k, parsed.GetValue(_choice)!);
    }

    public ServiceRules Rules(ParseResult parsed) => new(
        Between("--utilisation", parsed.GetValue(_utilisation), 0, 0.99), Between("--memory-share", parsed.GetValue(_memoryShare), 0, 1),
            (int)Between("--slots", parsed.GetValue(_slots), 0, 1024));

    /// <summary>A value above <paramref name="low"/> up to <paramref name="high"/>, or a message.</summary>
    internal static double Between(string option, double value, double low, double high, bool orLow = false) =>
        (value > low || (orLow && value == low)) && value <= high ? value
        : throw new LoadTestException($"{option} is {value}; expected a number {(orLow ? "from" : "above")} "
            + $"{low}{(orLow ? "" : ",")} to {high:#,##0.##}");
}
