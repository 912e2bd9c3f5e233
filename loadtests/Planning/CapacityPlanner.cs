using Btx.Cli;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>From step costs, sizes and a load to devices.</summary>
public static class CapacityPlanner
{
    /// <exception cref="LoadTestException">An expert that no device has room for, or a mix that does not fit.</exception>
    public static CapacityPlan Plan(IReadOnlyList<int> experts, ExpertSize expert, MachineSpec machine, PlannedLoad load,
        PlannedRouting routing, StepCosts costs, ServiceRules rules)
    {
        var context = load.PromptTokens + load.OutputTokens;
        List<string> assumptions =
        [
            .. costs.Assumptions,
            $"a decode step takes {Quantity.Seconds(costs.Step)} + {Quantity.Seconds(costs.PerExpert)} a distinct expert + "
                + $"{Quantity.Seconds(costs.PerRow)} a row; a prompt {Quantity.Seconds(costs.PerPromptToken)} a token and expert",
            $"a token's keys and values take {Quantity.Figures(expert.KvBytesPerToken)} bytes an expert; {rules.Slots} slots of "
                + $"{Quantity.Figures(context)} tokens on every expert",
            $"a device may be busy {Quantity.Percent(rules.Utilisation)} of the time and its memory "
                + $"{Quantity.Percent(rules.MemoryShare)} full",
            "arrivals are random (Poisson) and batches full when busy; the first token takes prompt time / (1 - utilisation) (M/G/1, "
                + "processor sharing); prompts of others lengthen the time between tokens",
            routing.IsMixture ? "tokens choose their experts evenly and independently (E·(1 - (1 - k/E)^batch) distinct ones)"
                : $"domains: {load.Mix}, an expert each; a request uses its domain's expert{Others(routing, experts.Max())}",
            .. Choice(routing),
        ];
        return new CapacityPlan
        {
            Machine = machine,
            Load = load,
            Routing = routing,
            Costs = costs,
            Assumptions = assumptions,
            Forests = [.. experts.Select(e => Plan(e, expert, machine, load, routing, costs, rules))],
        };
    }

    private static string Others(PlannedRouting routing, int experts) =>
        routing.Mode == "ensemble" ? " and all others"
        : routing.Active(experts) is > 1 and var k ? $" and {k - 1} of the others, evenly" : "";

    private static IEnumerable<string> Choice(PlannedRouting routing)
    {
        if (routing.Mode != "top_k") yield break;
        yield return routing.Choice == PlannedRouting.ByPrompt
            ? "every expert reads the prompt before the k are chosen (--choice domain: the caller names the domain, only they read it)"
            : "the caller names the domain: only the k experts read the prompt";
    }

    private static ForestPlan Plan(int experts, ExpertSize expert, MachineSpec machine, PlannedLoad load, PlannedRouting routing,
        StepCosts costs, ServiceRules rules)
    {
        // In a BTX model attention is shared, and so are keys and values: one cache, and the shared parameters once on every device.
        var kv = rules.Slots * (load.PromptTokens + load.OutputTokens) * expert.KvBytesPerToken;
        var weights = expert.WeightBytes * (routing.IsMixture ? StepCosts.FeedForwardShare : 1);
        var fixedBytes = routing.IsMixture ? (expert.WeightBytes - weights) + kv : 0;
        var bytes = weights + (routing.IsMixture ? 0 : kv);
        var room = (machine.Memory * (1L << 30) * rules.MemoryShare) - fixedBytes;
        var perDevice = (int)Math.Min(experts, Math.Floor(room / bytes));
        if (perDevice < 1)
            throw new LoadTestException($"an expert takes {Quantity.Figures((bytes + fixedBytes) / (1 << 30))} GiB with its cache, a "
                + $"device has {Quantity.Figures(machine.Memory * rules.MemoryShare)} GiB to use; plan fewer "
                    + "--slots, another --precision or more --memory");
        var use = routing.IsMixture ? null : ExpertUse.Of(DomainShares.Read("--mix", load.Mix, experts), routing.Active(experts));
        var notes = new List<string>();
        var whole = Whole(experts, perDevice, new ReplicaModel(costs, expert, load, routing, use, experts,
            (experts + perDevice - 1) / perDevice), machine, load, rules, notes);
        var sharded = use is null ? null : new Sharding(costs, expert, load, routing, rules, use, perDevice).Place(machine.Devices);
        if (sharded is { Devices: 1 } && whole is not null) sharded = null; // the whole forest by another name
        else if (use is not null && sharded is null) notes.Add("no placement on 4,096 devices or fewer serves this load within the limits");
        var active = routing.Active(experts);
        var gathers = routing is { Mode: "top_k", Choice: PlannedRouting.ByPrompt };
        if (sharded is { Devices: > 1 })
            notes.Add("sharded: a server holds one forest, so a router in front has to know each expert's server"
                + (gathers ? " and to gather every expert's posterior of the prompt" : "")
                + (active > 1
                ? $"; {active} distributions over the vocabulary meet for every token where a request's experts "
                    + "are not together, and no router does that yet"
                : ""));
        if (whole is { DevicesPerReplica: > 1 }) notes.Add("whole: a server runs on one device; a replica over several is not built");
        var (w, s) = (whole is null ? int.MaxValue : whole.DevicesPerReplica * whole.Replicas, sharded?.Devices ?? int.MaxValue);
        return new ForestPlan
        {
            Experts = experts,
            BytesPerExpert = bytes,
            WeightBytesPerExpert = weights,
            ExpertsPerDevice = perDevice,
            Whole = whole,
            Sharded = sharded,
            Notes = notes,
            Fewest = Fewest(w, s),
            FewestToday = Fewest(whole is { DevicesPerReplica: 1 } ? w : int.MaxValue,
                sharded is { Devices: 1 } || (active == 1 && !gathers) ? s : int.MaxValue),
        };
    }

    private static string? Fewest(int whole, int sharded) => whole == int.MaxValue && sharded == int.MaxValue ? null
        : whole <= sharded ? "whole" : "sharded";

    private static WholeForest? Whole(int experts, int perDevice, ReplicaModel replica, MachineSpec machine, PlannedLoad load,
        ServiceRules rules, List<string> notes)
    {
        var devices = (experts + perDevice - 1) / perDevice;
        if (devices > machine.Devices)
        {
            notes.Add($"whole: {experts} experts need {devices} devices, a machine has {machine.Devices}");
            return null;
        }

        if (load.InterTokenLimit is { } limit && replica.Step(1) > limit)
        {
            notes
                .Add($"whole: a step of one request takes {Quantity.Seconds(replica.Step(1))}, more than the {Quantity.Seconds(limit)} "
                    + "that are allowed between tokens");
            return null;
        }

        var batch = replica.Batch(rules.Slots);
        var capacity = 1 / replica.RequestSeconds(batch);
        var replicas = Math.Ceiling(load.RequestsPerSecond / (capacity * rules.Utilisation));
        if (!(replicas <= 1_000_000))
        {
            notes.Add("whole: more than a million replicas");
            return null;
        }

        var utilisation = load.RequestsPerSecond / (capacity * replicas);
        var perMachine = machine.Devices / devices;
        return new WholeForest(
            devices, (int)replicas, ((int)replicas + perMachine - 1) / perMachine, batch, capacity, utilisation,
                replica.PromptSeconds / (1 - utilisation),
            replica.Step(batch) / (1 - (load.RequestsPerSecond / replicas * replica.PromptSeconds)), replica.PromptSeconds);
    }
}
