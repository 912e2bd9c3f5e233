using Btx.Cli;
using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Planning;

/// <summary>Step costs of a measured run, carried over to experts of another size and to another machine.</summary>
public static class FittedCosts
{
    /// <param name="parameters">Of an expert that the run measured.</param>
    /// <param name="bandwidth">Of the run's machine, GB/s; null: not known, and the plan is for the same machine.</param>
    /// <param name="target">Null: the run's machine.</param>
    /// <returns>The costs, and the machine that they are for.</returns>
    /// <exception cref="LoadTestException">The run does not tell what an expert costs, or the machines cannot be related.</exception>
    public static (StepCosts Costs, MachineSpec Machine) Of(MeasuredRun run, PlannedRouting routing, double parameters, double? bandwidth,
        ExpertSize expert, MachineSpec? target)
    {
        var places = StepCostFit.Places(MeasuredSettings.Group(run.Points), routing.IsMixture ? CostLine.Mixture : CostLine.Forest);
        var fit = StepCostFit.Of(places)
            ?? throw new LoadTestException($"--run {run.Directory}: its closed-loop points of "
                + $"{(routing.IsMixture ? "moe" : "top_k and ensemble")} ({places.Count}) do not tell what an "
                    + "expert costs; sweep three values of k or more");
        if (target is not null && bandwidth is null)
            throw new LoadTestException(
                "--run with another machine needs --fitted-bandwidth, the GB/s of the run's machine: it tells how much of it was reached");
        var share = routing.IsMixture ? StepCosts.FeedForwardShare : 1;
        var precision = places[0].Settings.Precision;
        if (!ExpertSize.BytesPerParameter.ContainsKey(precision))
            throw new LoadTestException($"--run {run.Directory}: its precision is {precision}; there are "
                + $"{string.Join(", ", ExpertSize.BytesPerParameter.Keys)}");
        var measured = new ExpertSize(parameters, precision, 0);
        var reached = measured.WeightBytes * share / fit.PerExpert / 1e9;
        var efficiency = bandwidth is { } b ? reached / b : (double?)null;
        if (efficiency > 1.5)
            throw new LoadTestException($"--run {run.Directory}: an expert of {Quantity.Figures(measured.WeightBytes * share)} bytes is "
                + $"read at {Quantity.Figures(reached)} GB/s, more than --fitted-bandwidth {bandwidth}: it lies in a cache, and its cost "
                    + "does not carry over to larger ones");
        var machine = target ?? new MachineSpec
        {
            Name = run.Description.Machine.Processor,
            Bandwidth = bandwidth ?? reached,
            Memory = run.Description.Machine.MemoryBytes / (double)(1L << 30),
            Devices = 1
        };
        var speed = target is null ? 1 : target.Bandwidth / bandwidth!.Value;
        double weights = expert.WeightBytes / measured.WeightBytes / speed, rows = expert.Parameters / parameters / speed;
        var row = target?.Teraflops is { } t ? 2 * expert.Parameters * share / (t * 1e12 * Math.Min(1, efficiency!.Value))
            : fit.PerRow * rows;
        var prompt = target?.Teraflops is not null ? Math.Max(row, fit.PerExpert * weights / 256) : fit.PerPromptToken * rows;
        List<string> assumptions =
        [
            $"costs are fitted to {places.Count} points of {run.Directory} ({places[0].Settings.Precision}, "
                + $"{Quantity.Figures(parameters / 1e6)} M parameters an expert): {Quantity.Seconds(fit.Step)} a step, "
                    + $"{Quantity.Seconds(fit.PerExpert)} a distinct expert, "
                + $"{Quantity.Seconds(fit.PerRow)} a row, {Quantity.Seconds(fit.PerPromptToken)} a prompt token and expert",
            $"weights were read at {Quantity.Figures(reached)} GB/s"
                + (efficiency is { } e ? $", {Quantity.Percent(e)} of {Quantity.Figures(bandwidth!.Value)}"
                : "; how much of the machine's bandwidth that is was not given"),
        ];
        if (efficiency > 1)
            assumptions.Add(
                "that is more than memory gives: a part of the weights stayed in a cache, and larger experts will cost more than planned");
        if (expert.Parameters != parameters || expert.Precision != precision)
            assumptions.Add("an expert costs as many times more as it has bytes, a row as many times more as it has parameters");
        if (target is not null)
            assumptions.Add(target.Teraflops is null
                ? "on the other machine everything but the step's constant is faster as its memory is; the "
                    + "share of the bandwidth that is reached is the same"
                : "on the other machine the same share of bandwidth and of operations is reached as of "
                    + "bandwidth here; the step's constant is the same");
        var constant = routing.IsMixture ? fit.Step * weights : fit.Step;
        if (routing.IsMixture) assumptions.Add("A of a BTX model, mostly shared weights, grows as the weights do");
        return (new StepCosts(constant, fit.PerExpert * weights, row, prompt, fit.PerExpert * weights / (expert.WeightBytes * share),
            assumptions), machine);
    }
}
