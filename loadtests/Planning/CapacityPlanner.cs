namespace Btx.LoadTests.Planning;

/// <summary>From step costs, sizes and a load to devices.</summary>
public sealed class CapacityPlanner(ExpertSize expert, MachineSpec machine, PlannedLoad load, PlannedRouting routing, StepCosts costs,
    ServiceRules rules)
{
    private const int MostDevices = 4096;

    // Keys and values that a row reads, mean over its answer.
    private readonly double _kvBytesPerRow = expert.KvBytesPerToken * (load.PromptTokens + (load.OutputTokens / 2));

    // Seconds that one expert takes for a prompt.
    private double PromptSeconds => Math.Max(costs.PerPromptToken * load.PromptTokens, costs.PerExpert);

    /// <exception cref="LoadTestException">An expert that no device has room for, or a mix that does not fit.</exception>
    public CapacityPlan Plan(IReadOnlyList<int> experts)
    {
        var others = routing.Mode == "ensemble" ? " and all others"
            : routing.Active(experts.Max()) is > 1 and var k ? $" and {k - 1} of the others, evenly" : "";
        string[] choice = routing.Mode != "top_k" ? []
            : routing.Gathers ? ["every expert reads the prompt before the k are chosen (--choice domain: the caller names the domain, "
                + "only they read it)"]
            : ["the caller names the domain: only the k experts read the prompt"];
        return new CapacityPlan(machine, load, routing, costs, [.. experts.Select(Plan)],
        [
            .. costs.Assumptions,
            $"a decode step takes {Quantity.Seconds(costs.Step)} + {Quantity.Seconds(costs.PerExpert)} a distinct expert + "
                + $"{Quantity.Seconds(costs.PerRow)} a row; a prompt {Quantity.Seconds(costs.PerPromptToken)} a token and expert",
            $"a token's keys and values take {Quantity.Figures(expert.KvBytesPerToken)} bytes an expert; {rules.Slots} slots of "
                + $"{Quantity.Figures(load.PromptTokens + load.OutputTokens)} tokens on every expert",
            $"a device may be busy {Quantity.Percent(rules.Utilisation)} of the time, memory {Quantity.Percent(rules.MemoryShare)} full",
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
        var kv = rules.Slots * (load.PromptTokens + load.OutputTokens) * expert.KvBytesPerToken;
        var weights = expert.WeightBytes * (routing.IsMixture ? StepCosts.FeedForwardShare : 1);
        var fixedBytes = routing.IsMixture ? expert.WeightBytes - weights + kv : 0;
        var bytes = weights + (routing.IsMixture ? 0 : kv);
        var perDevice = (int)Math.Min(experts, Math.Floor(((machine.Memory * (1L << 30) * rules.MemoryShare) - fixedBytes) / bytes));
        if (perDevice < 1)
            throw new LoadTestException($"an expert takes {Quantity.Memory(bytes + fixedBytes)} with its cache, a device has "
                + $"{Quantity.Figures(machine.Memory * rules.MemoryShare)} GiB; plan fewer --slots or another --precision");
        var active = routing.Active(experts);
        var use = routing.IsMixture ? null : ExpertUse(DomainShares.Read("--mix", load.Mix, experts), active);
        var notes = new List<string>();
        var whole = Whole(experts, (experts + perDevice - 1) / perDevice, use, notes);
        var sharded = use is null ? null : Sharded(use, perDevice);
        if (sharded is { Devices: 1 } && whole is not null) sharded = null; // the whole forest by another name
        else if (use is not null && sharded is null) notes.Add("no placement on 4,096 devices or fewer serves this load within the limits");
        if (sharded is { Devices: > 1 })
            notes.Add("sharded: a server holds one forest, so a router in front has to know each expert's server"
                + (routing.Gathers ? " and to gather every expert's posterior of the prompt" : "")
                + (active > 1 ? $"; {active} distributions over the vocabulary meet for every token where a request's experts are not "
                    + "together, and no router does that yet" : ""));
        if (whole is { DevicesPerReplica: > 1 }) notes.Add("whole: a server runs on one device; a replica over several is not built");
        var shardedToday = sharded is { Devices: 1 } || (active == 1 && !routing.Gathers) ? sharded : null;
        return new ForestPlan(experts, bytes, weights, perDevice, whole, sharded, Fewest(whole, sharded),
            Fewest(whole is { DevicesPerReplica: 1 } ? whole : null, shardedToday), notes);
    }

    private static string? Fewest(WholeForest? whole, ShardedForest? sharded) => whole is null && sharded is null ? null
        : sharded is null || whole?.DevicesPerReplica * whole?.Replicas <= sharded.Devices ? "whole" : "sharded";

    /// <summary>How likely a request uses each expert: its domain's own, and the other k - 1 evenly among the rest. The sum is k.</summary>
    internal static double[] ExpertUse(double[] shares, int k) =>
        [.. shares.Select(p => p + (shares.Length > 1 ? (1 - p) * (k - 1) / (shares.Length - 1) : 0))];

    /// <summary>Expected distinct experts of so many requests that choose independently.</summary>
    internal static double Distinct(IEnumerable<double> use, double requests) =>
        use.Sum(q => UnionFitting.Formula(1, Math.Min(1, q), requests));

    /// <summary>Every replica has every expert, spread over some devices that run theirs side by side.</summary>
    /// <param name="use">Chance that a request uses each expert; null: a BTX model, whose tokens choose evenly.</param>
    private WholeForest? Whole(int experts, int devices, double[]? use, List<string> notes)
    {
        var k = routing.Active(experts);
        var prompt = !routing.IsMixture ? PromptSeconds * routing.Prefilled(experts) / devices
            : Math.Max(costs.PerPromptToken * load.PromptTokens * routing.K,
                costs.StepTime(UnionFitting.Formula(experts, k, load.PromptTokens), 0, 0)) / devices;
        double Step(int batch)
        {
            var distinct = use is null ? UnionFitting.Formula(experts, k, batch) : Distinct(use, batch);
            var parallel = Math.Min(devices, Math.Max(1, distinct)); // a device runs at least one
            var kvBytes = batch * (routing.IsMixture ? 1 : k) * _kvBytesPerRow;
            return costs.StepTime(distinct / parallel, batch * k / parallel, kvBytes / parallel);
        }

        var batch = Batch(Step);
        var capacity = 1 / (prompt + (load.OutputTokens * Step(batch) / batch));
        var replicas = Math.Ceiling(load.RequestsPerSecond / (capacity * rules.Utilisation));
        var note = devices > machine.Devices ? $"{experts} experts need {devices} devices, a machine has {machine.Devices}"
            : Step(1) > load.InterTokenLimit ? $"a step of one request takes {Quantity.Seconds(Step(1))}, more than the "
                + $"{Quantity.Seconds(load.InterTokenLimit.Value)} that are allowed between tokens"
            : !(replicas <= 1_000_000) ? "more than a million replicas" : null;
        if (note is not null)
        {
            notes.Add($"whole: {note}");
            return null;
        }

        var utilisation = load.RequestsPerSecond / (capacity * replicas);
        var perMachine = machine.Devices / devices;
        return new(devices, (int)replicas, ((int)replicas + perMachine - 1) / perMachine, batch, capacity, utilisation,
            prompt / (1 - utilisation), Step(batch) / (1 - (load.RequestsPerSecond / replicas * prompt)), prompt);
    }

    /// <summary>The largest batch up to the slots whose step keeps within the limit; at least 1.</summary>
    private int Batch(Func<int, double> step)
    {
        var batch = rules.Slots;
        while (batch > 1 && step(batch) > load.InterTokenLimit) batch--;
        return batch;
    }

    /// <summary>Null if even <see cref="MostDevices"/> do not do, or a step of one row takes longer than is allowed.</summary>
    private ShardedForest? Sharded(double[] use, int perDevice)
    {
        if (costs.StepTime(1, 1, _kvBytesPerRow) > load.InterTokenLimit) return null;
        // Seconds a second that each expert keeps a device busy, in batches that a device would run.
        var slots = rules.Slots;
        var typical = Distinct(use.Take(perDevice).Select(q => q / use.Take(perDevice).Sum()), slots);
        var row = costs.StepTime(typical, slots, slots * _kvBytesPerRow) / slots;
        double[] loads = [.. use.Select(q => load.RequestsPerSecond * ((q * load.OutputTokens * row) + (Prompts(q) * PromptSeconds)))];
        var devices = Math.Max((int)Math.Min(MostDevices + 1, Math.Ceiling(loads.Sum() / rules.Utilisation / 2)),
            (use.Length + perDevice - 1) / perDevice);
        while (devices <= MostDevices)
        {
            int[] copies = [.. loads.Select(l => Math.Clamp((int)Math.Ceiling(l / rules.Utilisation), 1, devices))];
            if (Place(loads, copies, devices, perDevice) is not { } placement)
            {
                devices++;
                continue;
            }

            var busy = placement.Select(experts => Busy(experts, use, copies)).ToArray();
            var highest = busy.MaxBy(b => b.Share);
            if (highest.Share <= rules.Utilisation)
            {
                // A request waits for the last prompt that it asked for: on the busiest device, all of them there if every expert reads it.
                var prompts = routing.Gathers ? placement[Array.IndexOf(busy, highest)].Count : 1;
                return new(devices, (devices + machine.Devices - 1) / machine.Devices, highest.Share, busy.Average(b => b.Share),
                    copies.Max(), highest.Step, prompts * PromptSeconds / (1 - highest.Share),
                    [.. placement.Select(e => (IReadOnlyList<int>)[.. e.Order()])]);
            }

            devices = Math.Max(devices + 1, (int)Math.Min(MostDevices + 1, devices * Math.Min(2, highest.Share / rules.Utilisation)));
        }

        return null;
    }

    private double Prompts(double use) => routing.Gathers ? 1 : use;

    /// <summary>The most loaded experts first, each on the least loaded device that has room; null: no room.</summary>
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
                if (placement[d].Count < perDevice && !placement[d].Contains(e) && (at < 0 || filled[d] < filled[at])) at = d;
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
        double Step(int batch) => costs.StepTime(Distinct(each.Select(q => q / rows), batch), batch, batch * _kvBytesPerRow);
        var prompts = experts.Sum(e => Prompts(use[e]) / copies[e] * PromptSeconds);
        if (!(rows > 0)) return (load.RequestsPerSecond * prompts, 0);
        var batch = Batch(Step);
        return (load.RequestsPerSecond * ((rows * load.OutputTokens * Step(batch) / batch) + prompts), Step(batch));
    }
}
