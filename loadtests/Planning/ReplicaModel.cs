namespace Btx.LoadTests.Planning;

/// <summary>A server of some devices under a load: batch, step time, seconds a request.</summary>
/// <param name="use">Chance that a request uses each expert; null: a BTX model, whose tokens choose evenly.</param>
internal sealed class ReplicaModel(StepCosts costs, ExpertSize expert, PlannedLoad load, PlannedRouting routing, double[]? use, int experts,
    int devices)
{
    private readonly double _kvBytesPerRow = expert.KvBytesPerToken * (load.PromptTokens + (load.OutputTokens / 2));

    /// <summary>Seconds that a prompt takes, its experts spread over the devices.</summary>
    public double PromptSeconds => routing.IsMixture
        ? Math.Max(costs.PerPromptToken * load.PromptTokens * routing.K,
        costs.StepTime(Costs.UnionFitting.Formula(experts, routing.Active(experts), load.PromptTokens), 0, 0)) / devices
        : Math.Max(costs.PerPromptToken * load.PromptTokens, costs.PerExpert) * routing.Prefilled(experts) / devices;

    public double Step(int batch)
    {
        var k = routing.Active(experts);
        var distinct = use is null ? Costs.UnionFitting.Formula(experts, k, batch) : ExpertUse.Distinct(use, batch);

        // Devices run their experts side by side; the fewest that one of them can run is one.
        var parallel = Math.Min(devices, Math.Max(1, distinct));
        return costs.StepTime(distinct / parallel, batch * k / parallel, batch * (routing.IsMixture ? 1 : k) * _kvBytesPerRow / parallel);
    }

    /// <summary>The largest batch up to the slots whose step keeps within the limit; at least 1.</summary>
    public int Batch(int slots)
    {
        var batch = slots;
        while (batch > 1 && load.InterTokenLimit is { } limit && Step(batch) > limit) batch--;
        return batch;
    }

    /// <summary>Seconds of the replica for one request in a full batch.</summary>
    public double RequestSeconds(int batch) => PromptSeconds + (load.OutputTokens * Step(batch) / batch);
}
