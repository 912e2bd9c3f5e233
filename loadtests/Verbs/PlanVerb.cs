using System.Globalization;
using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Verbs;

/// <summary><c>btx loadtest plan</c>.</summary>
internal sealed class PlanVerb
{
    private const string Text =
        """
        How many devices serve a load, and which experts lie where: replicas of the whole forest, and experts placed by their
        load with the hot ones more than once. Costs come from a machine's data sheet, or with --run from a measured run; every
        assumption is printed. --check holds the same formulas against a run: each point's throughput, predicted from the other
        points.

        Examples:
          btx loadtest plan --expert-parameters 125M --load 50 --bandwidth 3350 --memory 80 --devices 8 --teraflops 900
          btx loadtest plan --experts 64 --expert-parameters 1.3B --precision int8 --load 20 --mix zipf:1 --choice domain \
            --machine h100.json
          btx loadtest plan --run runs/today --fitted-parameters 280k --load 5 --experts 4,8 --precision fp32
          btx loadtest plan --run runs/today --fitted-parameters 280k --fitted-bandwidth 40 --expert-parameters 125M --load 50 \
            --machine h100.json --json plan.json
          btx loadtest plan --check runs/today

        A machine's file: {"name": "...", "bandwidth_gb_per_s": 3350, "memory_gib": 80, "devices": 8, "teraflops": 900}, of one
        device each but devices.
        """;

    private readonly Flag<string?> _machine = new("--machine FILE", "file that describes the machine");
    private readonly Flag<double?> _bandwidth = new("--bandwidth GB/S", "of a device's memory, GB/s");
    private readonly Flag<double?> _memory = new("--memory GIB", "of a device, GiB");
    private readonly Flag<int> _devices = new("--devices N", "in a machine", 1);
    private readonly Flag<double?> _teraflops = new("--teraflops T", "of a device, in the precision that is served");
    private readonly Flag<double> _efficiency = new("--efficiency SHARE", "share of bandwidth and operations reached, without --run", 0.6);
    private readonly Flag<double> _overhead = new("--step-overhead SECONDS", "seconds of a step beside experts, without --run", 0.001);
    private readonly Flag<string?> _run = new("--run RUN", "take the costs from this run's directory");
    private readonly Flag<string?> _fittedParameters = new("--fitted-parameters N", "parameters of an expert of that run");
    private readonly Flag<double?> _fittedBandwidth = new("--fitted-bandwidth GB/S", "of that run's machine: needed for another machine");
    private readonly Flag<string?> _check = new("--check RUN", "hold the formulas against this run's directory");
    private readonly Flag<string> _experts = new("--experts N,N", "how many experts, several after commas", "8,64,512");
    private readonly Flag<string?> _parameters = new("--expert-parameters N",
        "parameters of an expert: 280k, 125M, 1.3B (with --run: as --fitted-parameters unless given)");
    private readonly Choice _precision = new("--precision", [.. ExpertSize.BytesPerParameter.Keys],
        "of the weights", "fp16");
    private readonly Flag<double?> _kv = new("--kv-bytes-per-token BYTES", "keys and values, per expert (a Llama of usual proportions)");
    private readonly Flag<double?> _load = new("--load RATE", "requests a second");
    private readonly Flag<double> _prompt = new("--prompt-tokens N", "mean", 256);
    private readonly Flag<double> _output = new("--output-tokens N", "mean", 128);
    private readonly Flag<string> _mix = new("--mix MIX", $"of domains: {DomainShares.Forms}", "uniform");
    private readonly Choice _mode = new("--mode", ["top_k", "ensemble", "expert", "moe"], "how requests are routed", "top_k");
    private readonly Flag<int> _k = new("--k K", "experts a token, of top_k and moe", 2);
    private readonly Choice _choice = new("--choice", [PlannedRouting.ByPrompt, PlannedRouting.ByDomain],
        "who chooses the k of top_k: prompt (every expert reads it first) or domain (the caller knows)", PlannedRouting.ByPrompt);
    private readonly Flag<double?> _interToken = new("--inter-token SECONDS", "seconds that a step may take: limits the batches");
    private readonly Flag<double> _utilisation = new("--utilisation SHARE", "share of time that a device may be busy", 0.7);
    private readonly Flag<double> _memoryShare = new("--memory-share SHARE", "share of memory that may be used", 0.9);
    private readonly Flag<int> _slots = new("--slots N", "requests at a time that a server has caches for", 16);
    private readonly JsonFlag _json = new();

    private IReadOnlyList<Option> All => [_machine, _bandwidth, _memory, _devices, _teraflops, _efficiency, _overhead, _run,
        _fittedParameters, _fittedBandwidth, _check, _experts, _parameters, _precision, _kv, _load, _prompt, _output, _mix, _mode, _k,
        _choice, _interToken, _utilisation, _memoryShare, _slots, _json];

    public static Command Create()
    {
        var verb = new PlanVerb();
        var command = new Command("plan", Text) { verb.All };
        command.SetAction(verb.Run);
        return command;
    }

    private int Run(ParseResult parsed)
    {
        var checkedRun = parsed.GetValue(_check) is { } of ? StepCostFit.Check(Measured(parsed, of)) : null;
        var plan = checkedRun is not null && parsed.GetValue(_load) is null ? null : Plan(parsed);
        _json.Write(parsed, new PlanDocument(plan, checkedRun), [.. plan is null ? [] : PlanReport.Lines(plan),
            .. plan is null || checkedRun is null ? [] : new[] { "" }, .. checkedRun is null ? [] : PlanReport.Lines(checkedRun)]);
        return 0;
    }

    private static RunFiles Measured(ParseResult parsed, string directory)
    {
        var measured = MeasuredRun.Load(directory);
        foreach (var problem in measured.Faults) parsed.InvocationConfiguration.Error.WriteLine($"left out: {problem}");
        return measured;
    }

    private CapacityPlan Plan(ParseResult parsed)
    {
        var text = parsed.GetValue(_experts)!;
        int[] experts = [.. text.Split(',')
            .Select(part => int.TryParse(part, NumberStyles.None, null, out var n) && n is >= 1 and <= 65_536 ? n
            : throw new LoadTestException($"--experts {text}: \"{part}\" is no number of experts from 1 to 65,536"))];
        double? Maybe(Option<double?> flag, double high) =>
            parsed.GetValue(flag) is { } value ? Between(flag.Name, value, 0, high) : null;
        double Of(Option<double> flag, double high, bool orZero = false) => Between(flag.Name, parsed.GetValue(flag), 0, high, orZero);
        var rate = Maybe(_load, 1e6) ?? throw new LoadTestException("--load is missing: requests a second, such as 50");
        var load = new PlannedLoad(rate, Of(_prompt, 1e6), Of(_output, 1e6), parsed.GetValue(_mix)!, Maybe(_interToken, 3600));
        var mode = parsed.GetValue(_mode)!;
        var k = (int)Between("--k", parsed.GetValue(_k), 0, mode is "top_k" or "moe" ? experts.Min() : int.MaxValue);
        var routing = new PlannedRouting(mode, k, parsed.GetValue(_choice)!);
        var slots = (int)Between("--slots", parsed.GetValue(_slots), 0, 1024);
        var rules = new ServiceRules(Of(_utilisation, 0.99), Of(_memoryShare, 1), slots);
        var target = Machine(parsed);
        if (parsed.GetValue(_run) is not { } directory)
        {
            if (target is null)
                throw new LoadTestException("no machine to plan for: give --machine, or --bandwidth and --memory, or --run");
            var expert = Expert(parsed, null);
            var costs = StepCosts.Of(target, expert, routing, Of(_efficiency, 1), Of(_overhead, 60, orZero: true));
            return new CapacityPlanner(expert, target, load, routing, costs, rules).Plan(experts);
        }

        var parameters = ExpertSize.ReadParameters("--fitted-parameters", parsed.GetValue(_fittedParameters)
            ?? throw new LoadTestException("--run needs --fitted-parameters, the size of the experts that it measured, such as 280k"));
        var planned = Expert(parsed, parameters);
        var (fitted, on) = StepCosts.Of(Measured(parsed, directory), routing, parameters, Maybe(_fittedBandwidth, 1e6), planned, target);
        return new CapacityPlanner(planned, on, load, routing, fitted, rules).Plan(experts);
    }

    private ExpertSize Expert(ParseResult parsed, double? fitted)
    {
        var parameters = parsed.GetValue(_parameters) is { } text ? ExpertSize.ReadParameters("--expert-parameters", text)
            : fitted ?? throw new LoadTestException("--expert-parameters is missing: the size of an expert, such as 125M");
        var precision = parsed.GetValue(_precision)!;
        return new ExpertSize(parameters, precision, Between("--kv-bytes-per-token",
            parsed.GetValue(_kv) ?? ExpertSize.UsualKvBytesPerToken(parameters, precision), 0, 1e9, orLow: true));
    }

    private MachineSpec? Machine(ParseResult parsed)
    {
        var given = (parsed.GetValue(_bandwidth), parsed.GetValue(_memory));
        if (parsed.GetValue(_machine) is { } file)
            return given is (null, null) ? MachineSpec.Read(file)
                : throw new LoadTestException("--machine and --bandwidth or --memory both describe the machine; give one of the two");
        return given switch
        {
            (null, null) => null,
            ({ } bandwidth, { } memory) => new MachineSpec
            {
                Bandwidth = bandwidth,
                Memory = memory,
                Devices = parsed.GetValue(_devices),
                Teraflops = parsed.GetValue(_teraflops),
            }.Checked("--bandwidth, --memory, --devices, --teraflops"),
            (var bandwidth, _) => throw new LoadTestException($"{(bandwidth is null ? "--bandwidth" : "--memory")} is missing: give both"),
        };
    }

    /// <summary>A value above <paramref name="low"/> up to <paramref name="high"/>, or a message.</summary>
    private static double Between(string option, double value, double low, double high, bool orLow = false) =>
        (value > low || (orLow && value == low)) && value <= high ? value
        : throw new LoadTestException($"{option} is {value}; expected a number {(orLow ? "from" : "above")} {low}, to {high:#,##0.##}");
}
