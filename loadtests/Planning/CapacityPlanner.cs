using Btx.Cli;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>From step costs, sizes and a load to devices.</summary>
public sealed class CapacityPlanner
{
    private const int MostDevices = 4096;

    private readonly ExpertSize _expert;
    private readonly MachineSpec _machine;
    private readonly PlannedLoad _load;
    private readonly PlannedRouting _routing;
    private readonly StepCosts _costs;
    private readonly ServiceRules _rules;

    // Keys and values that a row reads, mean over its answer.
    private readonly double _kvBytesPerRow;

    private CapacityPlanner(ExpertSize expert, MachineSpec machine, PlannedLoad load, PlannedRouting routing, StepCosts costs,
        ServiceRules rules)
    {
        (_expert, _machine, _load, _routing, _costs, _rules) = (expert, machine, load, routing, costs, rules);
        _kvBytesPerRow = expert.KvBytesPerToken * (load.PromptTokens + (load.OutputTokens / 2));
    }

    // Seconds that one expert takes for a prompt.
    private double PromptSeconds => Math.Max(_costs.PerPromptToken * _load.PromptTokens, _costs.PerExpert);

    /// <exception cref="LoadTestException">An expert that no device has room for, or a mix that does not fit.</exception>
    public static CapacityPlan Plan(IReadOnlyList<int> experts, ExpertSize expert, MachineSpec machine, PlannedLoad load,
        PlannedRouting routing, StepCosts costs, ServiceRules rules)
    {
        var others = routing.Mode == "ensemble" ? " and all others"
            : routing.Active(experts.Max()) is > 1 and var k ? $" and {k - 1} of the others, evenly" : "";
        string[] choice = routing.Mode != "top_k" ? []
            : [routing.Gathers ? "every expert reads the prompt before the k are chosen (--choice domain: the caller names the domain, "
                + "only they read it)"
                : "the caller names the domain: only the k experts read the prompt"];
        var planner = new CapacityPlanner(expert, machine, load, routing, costs, rules);
        return new CapacityPlan(machine, load, routing, costs, [.. experts.Select(planner.Plan)],
        [
            .. costs.Assumptions,
            $"a decode step takes {Quantity.Seconds(costs.Step)} + {Quantity.Seconds(costs.PerExpert)} a distinct expert + "
                + $"{Quantity.Seconds(costs.PerRow)} a row; a prompt {Quantity.Seconds(costs.PerPromptToken)} a token and expert",
            $"a token's keys and values take {Quantity.Figures(expert.KvBytesPerToken)} bytes an expert; {rules.Slots} slots of "
                + $"{Quantity.Figures(load.PromptTokens + load.OutputTokens)} tokens on every expert",
            $"a device may be busy {Quantity.Percent(rules.Utilisation)} of the time and its memory "
                + $"{Quantity.Percent(rules.MemoryShare)} full",
            "arrivals are random (Poisson) and batches full when busy; the first token takes prompt time / (1 - utilisation) (M/G/1, "
                + "processor sharing); prompts of others lengthen the time between tokens",
            routing.IsMixture ? "tokens choose their experts evenly and independently (E·(1 - (1 - k/E)^batch) distinct ones)"
                : $"domains: {load.Mix}, an expert each; a request uses its domain's expert{others}",
            .. choice,
        ]);
    }

    private ForestPlan Plan(int experts)
    {
        // In a BTX model attention is shared, and so are keys and values: one cache, and the shared parameters once on every device.
        var kv = _rules.Slots * (_load.PromptTokens + _load.OutputTokens) * _expert.KvBytesPerToken;
        var weights = _expert.WeightBytes * (_routing.IsMixture ? StepCosts.FeedForwardShare : 1);
        var fixedBytes = _routing.IsMixture ? _expert.WeightBytes - weights + kv : 0;
        var bytes = weights + (_routing.IsMixture ? 0 : kv);
        var perDevice = (int)Math.Min(experts, Math.Floor(((_machine.Memory * (1L << 30) * _rules.MemoryShare) - fixedBytes) / bytes));
        if (perDevice < 1)
            throw new LoadTestException($"an expert takes {Quantity.Figures((bytes + fixedBytes) / (1 << 30))} GiB with its cache, a "
                + $"device has {Quantity.Figures(_machine.Memory * _rules.MemoryShare)} GiB to use; plan fewer --slots, another "
                    + "--precision or more --memory");
        var active = _routing.Active(experts);
        var use = _routing.IsMixture ? null : ExpertUse(DomainShares.Read("--mix", _load.Mix, experts), active);
        var notes = new List<string>();
        var whole = Whole(experts, (experts + perDevice - 1) / perDevice, use, notes);
        var sharded = use is null ? null : Sharded(use, perDevice);
        if (sharded is { Devices: 1 } && whole is not null) sharded = null; // the whole forest by another name
        else if (use is not null && sharded is null) notes.Add("no placement on 4,096 devices or fewer serves this load within the limits");
        if (sharded is { Devices: > 1 })
            notes.Add("sharded: a server holds one forest, so a router in front has to know each expert's server"
                + (_routing.Gathers ? " and to gather every expert's posterior of the prompt" : "")
                + (active > 1 ? $"; {active} distributions over the vocabulary meet for every token where a request's experts are not "
                    + "together, and no router does that yet" : ""));
        if (whole is { DevicesPerReplica: > 1 }) notes.Add("whole: a server runs on one device; a replica over several is not built");
        var shardedToday = sharded is { Devices: 1 } || (active == 1 && !_routing.Gathers) ? sharded : null;
        return new ForestPlan(experts, bytes, weights, perDevice, whole, sharded, Fewest(whole, sharded),
            Fewest(whole is { DevicesPerReplica: 1 } ? whole : null, shardedToday), notes);
    }

    private static string? Fewest(WholeForest? whole, ShardedForest? sharded) => whole is null && sharded is null ? null
        : sharded is null || whole?.DevicesPerReplica * whole?.Replicas <= sharded.Devices ? "whole" : "sharded";

    /// <summary>How likely a request uses each expert: its domain's own, and the other k - 1 evenly among the rest. The sum is k.</summary>
    internal static double[] ExpertUse(double[] shares, int k) =>
        [.. shares.Select(p => p + (shares.Length > 1 ? (1 - p) * (k - 1) / (shares.Length - 1) : 0))];

    /// <summary>Expected distinct experts of so many requests that choose independently.</summary>
    /// <param name="use">Chance of each expert.</param>
    internal static double Distinct(IEnumerable<double> use, double requests) =>
        use.Sum(q => UnionFitting.Formula(1, Math.Min(1, q), requests));

    /// <summary>Every replica has every expert, spread over some devices that run theirs side by side.</summary>
    /// <param name="use">Chance that a request uses each expert; null: a BTX model, whose tokens choose evenly.</param>
    private WholeForest? Whole(int experts, int devices, double[]? use, List<string> notes)
    {
        var k = _routing.Active(experts);
        var prompt = !_routing.IsMixture ? PromptSeconds * _routing.Prefilled(experts) / devices
            : Math.Max(_costs.PerPromptToken * _load.PromptTokens * _routing.K,
                _costs.StepTime(UnionFitting.Formula(experts, k, _load.PromptTokens), 0, 0)) / devices;
        double Step(int batch)
        {
            var distinct = use is null ? UnionFitting.Formula(experts, k, batch) : Distinct(use, batch);
            var parallel = Math.Min(devices, Math.Max(1, distinct)); // a device runs at least one
            return _costs.StepTime(distinct / parallel, batch * k / parallel,
                batch * (_routing.IsMixture ? 1 : k) * _kvBytesPerRow / parallel);
        }

        var batch = Batch(Step);
        var capacity = 1 / (prompt + (_load.OutputTokens * Step(batch) / batch));
        var replicas = Math.Ceiling(_load.RequestsPerSecond / (capacity * _rules.Utilisation));
        var note = devices > _machine.Devices ? $"{experts} experts need {devices} devices, a machine has {_machine.Devices}"
            : Step(1) > _load.InterTokenLimit ? $"a step of one request takes {Quantity.Seconds(Step(1))}, more than the "
                + $"{Quantity.Seconds(_load.InterTokenLimit.Value)} that are allowed between tokens"
            : !(replicas <= 1_000_000) ? "more than a million replicas" : null;
        if (note is not null)
        {
            notes.Add($"whole: {note}");
            return null;
        }

        var utilisation = _load.RequestsPerSecond / (capacity * replicas);
        var perMachine = _machine.Devices / devices;
        return new(devices, (int)replicas, ((int)replicas + perMachine - 1) / perMachine, batch, capacity, utilisation,
            prompt / (1 - utilisation),
            Step(batch) / (1 - (_load.RequestsPerSecond / replicas * prompt)), prompt);
    }

    /// <summary>The largest batch up to the slots whose step keeps within the limit; at least 1.</summary>
    private int Batch(Func<int, double> step)
    {
        var batch = _rules.Slots;
        while (batch > 1 && step(batch) > _load.InterTokenLimit) batch--;
        return batch;
    }

    /// <summary>Experts on devices. Null if even <see cref="MostDevices"/> do not do, or a step of one row takes longer than is allowed
    /// between tokens.</summary>
    private ShardedForest? Sharded(double[] use, int perDevice)
    {
        if (_costs.StepTime(1, 1, _kvBytesPerRow) > _load.InterTokenLimit) return null;
        // Seconds a second that each expert keeps a device busy, in batches that a device would run.
        var slots = _rules.Slots;
        var typical = Distinct(use.Take(perDevice).Select(q => q / use.Take(perDevice).Sum()), slots);
        var row = _costs.StepTime(typical, slots, slots * _kvBytesPerRow) / slots;
        double[] loads = [.. use.Select(q => _load.RequestsPerSecond * ((q * _load.OutputTokens * row) + (Prompts(q) * PromptSeconds)))];
        var devices = Math.Max((int)Math.Min(MostDevices + 1, Math.Ceiling(loads.Sum() / _rules.Utilisation / 2)),
            (use.Length + perDevice - 1) / perDevice);
        while (devices <= MostDevices)
        {
            int[] copies = [.. loads.Select(l => Math.Clamp((int)Math.Ceiling(l / _rules.Utilisation), 1, devices))];
            if (Place(loads, copies, devices, perDevice) is not { } placement)
            {
                devices++;
                continue;
            }

            var busy = placement.Select(experts => Busy(experts, use, copies)).ToArray();
            var highest = busy.MaxBy(b => b.Share);
            if (highest.Share <= _rules.Utilisation)
            {
                // A request waits for the last of the prompts that it asked for: on the busiest device, all of them there if every expert
                // reads it.
                var prompts = _routing.Gathers ? placement[Array.IndexOf(busy, highest)].Count : 1;
                return new(devices, (devices + _machine.Devices - 1) / _machine.Devices, highest.Share, busy.Average(b => b.Share),
                    placement.SelectMany(e => e).CountBy(e => e).Max(e => e.Value), highest.Step,
                        prompts * PromptSeconds / (1 - highest.Share),
                    [.. placement.Select(e => (IReadOnlyList<int>)[.. e.Order()])]);
            }

            devices = Math.Max(devices + 1, (int)Math.Min(MostDevices + 1, devices * Math.Min(2, highest.Share / _rules.Utilisation)));
        }

        return null;
    }

    private double Prompts(double use) => _routing.Gathers ? 1 : use;

    /// <summary>The most loaded experts first, each on the least loaded device that has room (longest processing time first); null: no
    /// room.</summary>
    private static List<int>[]? Place(double[] loads, int[] copies, int devices, int perDevice)
    {
        if (copies.Sum() > (long)devices * perDevice) return null;
        var placement = Enumerable.Range(0, devices).Select(_ => new List<int>()).ToArray();
        var filled = new double[devices];
        foreach (var e in Enumerable.Range(0, loads.Length).OrderByDescending(e => loads[e] / copies[e])
            .SelectMany(e => Enumerable.Repeat(e, copies[e])))
        {
            var at = -1;
            for (var d = 0; d < devices; d++)
            {
                if (placement[d].Count < perDevice && !placement[d].Contains(e) && (at < 0 || filled[d] < filled[at])) at = d;
            }

            if (at < 0) return null;
            placement[at].Add(e);
            filled[at] += loads[e] / copies[e];
        }

        return placement;
    }

    /// <summary>Share of time that a device with these experts is busy, and its step time.</summary>
    private (double Share, double Step) Busy(List<int> experts, double[] use, int[] copies)
    {
        double[] each = [.. experts.Select(e => use[e] / copies[e])];
        var rows = each.Sum();
        double Step(int batch) => _costs.StepTime(Distinct(each.Select(q => q / rows), batch), batch, batch * _kvBytesPerRow);
        var prompts = experts.Sum(e => Prompts(use[e]) / copies[e] * PromptSeconds);
        if (!(rows > 0)) return (_load.RequestsPerSecond * prompts, 0);
        var batch = Batch(Step);
        return (_load.RequestsPerSecond * ((rows * _load.OutputTokens * Step(batch) / batch) + prompts), Step(batch));
    }
}
