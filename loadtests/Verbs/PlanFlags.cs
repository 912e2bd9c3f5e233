using System.CommandLine;
using System.Globalization;
using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Verbs;

/// <summary>What to plan for.</summary>
internal sealed class PlanFlags
{
    private readonly Option<string> _experts = new("--experts")
    {
        Description = "how many experts, several after commas",
        HelpName = "N,N",
        DefaultValueFactory = _ => "8,64,512"
    };
    private readonly Option<string?> _parameters = new("--expert-parameters")
    {
        Description = "parameters of an expert: 280k, 125M, 1.3B (with --run: as --fitted-parameters unless given)",
        HelpName = "N"
    };
    private readonly Option<string> _precision = new("--precision")
    {
        Description = "fp32, fp16, bf16, int8 or int4",
        HelpName = "P",
        DefaultValueFactory = _ => "fp16"
    };
    private readonly Option<double?> _kv = new("--kv-bytes-per-token")
    {
        Description = "keys and values of a token on an expert (a Llama of usual proportions)",
        HelpName = "BYTES"
    };
    private readonly Option<double?> _load = new("--load") { Description = "requests a second", HelpName = "RATE" };
    private readonly Option<double> _prompt = new("--prompt-tokens")
    {
        Description = "mean",
        HelpName = "N",
        DefaultValueFactory = _ => 256
    };
    private readonly Option<double> _output = new("--output-tokens")
    {
        Description = "mean",
        HelpName = "N",
        DefaultValueFactory = _ => 128
    };
    private readonly Option<string> _mix = new("--mix")
    {
        Description = $"of domains: {DomainShares.Forms}",
        HelpName = "MIX",
        DefaultValueFactory = _ => "uniform"
    };
    private readonly Option<string> _mode = new("--mode")
    {
        Description = "top_k, ensemble, expert or moe",
        HelpName = "MODE",
        DefaultValueFactory = _ => "top_k"
    };
    private readonly Option<int> _k = new("--k")
    {
        Description = "experts a token, of top_k and moe",
        HelpName = "K",
        DefaultValueFactory = _ => 2
    };
    private readonly Option<string> _choice =
        new("--choice")
        {
            Description = "who chooses the k of top_k: prompt (every expert reads it first) or domain (the caller knows)",
            HelpName = "WHO",
            DefaultValueFactory = _ => PlannedRouting.ByPrompt
        };
    private readonly Option<double?> _interToken =
        new("--inter-token") { Description = "seconds that a step may take; smaller batches are planned for it", HelpName = "SECONDS" };
    private readonly Option<double> _utilisation = new("--utilisation")
    {
        Description = "share of time that a device may be busy",
        HelpName = "SHARE",
        DefaultValueFactory = _ => 0.7
    };
    private readonly Option<double> _memoryShare = new("--memory-share")
    {
        Description = "share of memory that may be used",
        HelpName = "SHARE",
        DefaultValueFactory = _ => 0.9
    };
    private readonly Option<int> _slots = new("--slots")
    {
        Description = "requests at a time that a server has caches for",
        HelpName = "N",
        DefaultValueFactory = _ => 16
    };

    public PlanFlags()
    {
        _precision.AcceptOnlyFromAmong([.. ExpertSize.BytesPerParameter.Keys]);
        _mode.AcceptOnlyFromAmong("top_k", "ensemble", "expert", "moe");
        _choice.AcceptOnlyFromAmong(PlannedRouting.ByPrompt, PlannedRouting.ByDomain);
    }

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _experts, _parameters, _precision, _kv, _load, _prompt, _output, _mix, _mode, _k, _choice,
            _interToken, _utilisation, _memoryShare, _slots })
            command.Options.Add(option);
    }

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
