namespace Btx.LoadTests.Planning;

/// <summary>Experts on devices: the most loaded first, each on the least loaded device that has room (longest processing
/// time first); hot experts on several.</summary>
internal sealed class Sharding(StepCosts costs, ExpertSize expert, PlannedLoad load, PlannedRouting routing, ServiceRules rules,
    double[] use, int perDevice)
{
    private const int MostDevices = 4096;

    /// <summary>Null if even <see cref="MostDevices"/> do not do, or a step of one row takes
    /// longer than is allowed between tokens.</summary>
    public ShardedForest? Place(int devicesPerMachine)
    {
        if (load.InterTokenLimit is { } least && costs.StepTime(1, 1, KvBytesPerRow) > least) return null;
        var total = Loads(rules.Slots).Sum();
        var devices = Math.Max((int)Math.Min(MostDevices + 1, Math.Ceiling(total / rules.Utilisation / 2)),
            (use.Length + perDevice - 1) / perDevice);
        while (devices <= MostDevices)
        {
            if (Try(devices) is { } placed)
            {
                var highest = placed.Busy.Max();
                if (highest <= rules.Utilisation)
                {
                    var busiest = Array.IndexOf(placed.Busy, highest);
                    var copies = placed.Experts.SelectMany(e => e).GroupBy(e => e).Max(g => g.Count());
                    return new ShardedForest(
                        devices, (devices + devicesPerMachine - 1) / devicesPerMachine, highest, placed.Busy.Average(), copies,
                            placed.Steps[busiest], FirstToken(placed, busiest),
                        [.. placed.Experts.Select(e => (IReadOnlyList<int>)[.. e.Order()])]);
                }

                devices = Math.Max(devices + 1, (int)Math.Min(MostDevices + 1, devices * Math.Min(2, highest / rules.Utilisation)));
            }
            else devices++;
        }

        return null;
    }

    // Seconds a second that each expert keeps a device busy, in batches that a device would run.
    private double[] Loads(int batch)
    {
        var typical = ExpertUse.Distinct(use.Take(perDevice).Select(q => q / use.Take(perDevice).Sum()), batch);
        var row = costs.StepTime(typical, batch, batch * KvBytesPerRow) / batch;
        return [.. use.Select(q => load.RequestsPerSecond * ((q * load.OutputTokens * row) + (Prompts(q) * PromptSeconds)))];
    }

    private double KvBytesPerRow => expert.KvBytesPerToken * (load.PromptTokens + (load.OutputTokens / 2));

    private double PromptSeconds => Math.Max(costs.PerPromptToken * load.PromptTokens, costs.PerExpert);

    private double Prompts(double use) => routing.Mode == "top_k" && routing.Choice == PlannedRouting.ByPrompt ? 1 : use;

    private Placed? Try(int devices)
    {
        var loads = Loads(rules.Slots);
        int[] copies = [.. loads.Select(l => Math.Clamp((int)Math.Ceiling(l / rules.Utilisation), 1, devices))];
        if (copies.Sum() > (long)devices * perDevice) return null;
        var experts = Enumerable.Range(0, devices).Select(_ => new List<int>()).ToArray();
        var filled = new double[devices];
        foreach (var e in Enumerable.Range(0, loads.Length).OrderByDescending(e => loads[e] / copies[e]))
            for (var copy = 0; copy < copies[e]; copy++)
            {
                var at = -1;
                for (var d = 0; d < devices; d++)
                    if (experts[d].Count < perDevice && !experts[d].Contains(e) && (at < 0 || filled[d] < filled[at])) at = d;
                if (at < 0) return null;
                experts[at].Add(e);
                filled[at] += loads[e] / copies[e];
            }

        double[] busy = new double[devices], steps = new double[devices];
        for (var d = 0; d < devices; d++)
        {
            double rows = experts[d].Sum(e => use[e] / copies[e]);
            var batch = rules.Slots;
            double Step() =>
                costs.StepTime(ExpertUse.Distinct(experts[d].Select(e => use[e] / copies[e] / rows), batch), batch, batch * KvBytesPerRow);
            if (rows > 0)
                while (batch > 1 && load.InterTokenLimit is { } limit && Step() > limit) batch--;
            steps[d] = rows > 0 ? Step() : 0;
            busy[d] = load.RequestsPerSecond
                * ((rows * load.OutputTokens * steps[d] / batch) + experts[d].Sum(e => Prompts(use[e]) / copies[e] * PromptSeconds));
        }

        return new(experts, busy, steps);
    }

    // A request waits for the last of the prompts that it asked for: on the busiest device, all of them there if every expert reads it.
    private double FirstToken(Placed placed, int device)
    {
        var prompts = routing.Mode == "top_k" && routing.Choice == PlannedRouting.ByPrompt ? placed.Experts[device].Count : 1;
        return prompts * PromptSeconds / (1 - placed.Busy[device]);
    }

    private sealed record Placed(List<int>[] Experts, double[] Busy, double[] Steps);
}
