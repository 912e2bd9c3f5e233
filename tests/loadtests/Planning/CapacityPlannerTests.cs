using Btx.LoadTests.Costs;
using Btx.LoadTests.Planning;

namespace Btx.LoadTests.Tests.Planning;

public sealed class CapacityPlannerTests
{
    private static readonly MachineSpec Machine = new() { Bandwidth = 1000, Memory = 40, Devices = 4 };
    private static readonly ExpertSize Small = new(125e6, "fp16", 1000);
    private static readonly StepCosts Costs = new(0.001, 0.0005, 0, 0.00001, 0, []);

    private static ForestPlan Plan(int experts, double load, string mix = "uniform", string mode = "top_k", int k = 2,
        string choice = PlannedRouting.ByDomain, StepCosts? costs = null, double? limit = null, ExpertSize? expert = null,
        MachineSpec? machine = null, int slots = 16) =>
        Assert.Single(new CapacityPlanner(expert ?? Small, machine ?? Machine, new PlannedLoad(load, 100, 50, mix, limit),
        new PlannedRouting(mode, k, choice), costs ?? Costs, new ServiceRules(Slots: slots)).Plan([experts]).Forests);

    [Fact]
    public void Costs_of_a_data_sheet()
    {
        var costs = StepCosts.Of(Machine with { Teraflops = 100 }, Small, new PlannedRouting("top_k", 2, PlannedRouting.ByPrompt),
            0.5, 0.001);
        Assert.Equal(0.0005, costs.PerExpert, 1e-12); // 250 MB at 500 GB/s
        Assert.Equal(5e-6, costs.PerRow, 1e-12); // 250 Mflop at 50 teraflops
        Assert.Equal(5e-6, costs.PerPromptToken, 1e-12);
        Assert.Equal(0.0005 / 256,
            StepCosts.Of(Machine, Small, new PlannedRouting("top_k", 2, PlannedRouting.ByPrompt), 0.5, 0.001).PerPromptToken, 1e-12);
        var moe = StepCosts.Of(Machine, Small, new PlannedRouting("moe", 2, PlannedRouting.ByPrompt), 0.5, 0.001);
        Assert.Equal(0.0015, moe.Step + moe.PerExpert, 1e-12);
        Assert.Equal(0.0005 * 2 / 3, moe.PerExpert, 1e-12);
    }

    [Fact]
    public void A_single_expert_by_hand()
    {
        // A step of 16 takes 1.5 ms, 50 of them 75 ms, 4.6875 ms a request; its prompt 1 ms: 175.8 requests/s, 123 of them at 70 %.
        var whole = Plan(1, 500, mode: "expert").Whole!;
        Assert.Equal(1 / 0.0056875, whole.Capacity, 1e-6);
        Assert.Equal((5, 1, 2, 16), (whole.Replicas, whole.DevicesPerReplica, whole.Machines, whole.Batch));
        Assert.Equal(100 * 0.0056875, whole.Utilisation, 1e-9);
        Assert.Equal(0.001 / (1 - whole.Utilisation), whole.TimeToFirstToken, 1e-12);
        Assert.Equal(0.0015 / (1 - 0.1), whole.InterToken, 1e-12);
    }

    [Fact]
    public void Memory_decides_how_many_experts_a_device_holds()
    {
        // 250 MB of weights and 16 x 150 x 1000 bytes of cache; 36 GiB to use.
        var plan = Plan(512, 1);
        Assert.Equal((int)Math.Floor(40.0 * (1L << 30) * 0.9 / 252.4e6), plan.ExpertsPerDevice);
        Assert.Equal(252.4e6, plan.BytesPerExpert, 1);
        Assert.Equal(4, plan.Whole!.DevicesPerReplica);
        Assert.Contains(plan.Notes, n => n.StartsWith("whole: a server runs on one device", StringComparison.Ordinal));
        Assert.Null(Plan(512, 1, machine: Machine with { Devices = 3 }).Whole);
        Assert.StartsWith("an expert takes",
            Assert.Throws<LoadTestException>(() => Plan(4, 1, expert: new ExpertSize(100e9, "fp16", 1000))).Message);

        // A BTX model has its attention once, and one cache.
        Assert.True(Plan(512, 1, mode: "moe").ExpertsPerDevice > plan.ExpertsPerDevice * 1.4);
        Assert.Null(Plan(512, 1, mode: "moe").Sharded);
    }

    [Fact]
    public void A_placement_has_every_expert_keeps_within_memory_and_time_and_copies_the_hot_ones()
    {
        var random = new Random(9);
        for (var trial = 0; trial < 60; trial++)
        {
            int experts = random.Next(1, 80), k = random.Next(1, Math.Min(4, experts) + 1);
            var machine = Machine with { Memory = 2 + (random.NextDouble() * 20) };
            var plan = Plan(experts, Math.Exp(random.NextDouble() * 7), $"zipf:{random.Next(3)}", k: k,
                choice: trial % 2 == 0 ? PlannedRouting.ByDomain : PlannedRouting.ByPrompt, machine: machine);
            if (plan.Sharded is not { } sharded)
            {
                Assert.Equal(1, plan.Whole!.DevicesPerReplica);
                continue;
            }

            Assert.Equal(sharded.Devices, sharded.Placement.Count);
            Assert.Equal(experts, sharded.Placement.SelectMany(d => d).Distinct().Count());
            Assert.All(sharded.Placement, d => Assert.True(d.Count <= plan.ExpertsPerDevice && d.Distinct().Count() == d.Count));
            Assert.InRange(sharded.HighestUtilisation, sharded.MeanUtilisation, 0.7);
        }

        var skewed = Plan(8, 600, "zipf:2", k: 1).Sharded!;
        Assert.True(skewed.MostCopies > 1);
        Assert.Equal(skewed.MostCopies, skewed.Placement.Count(d => d.Contains(0)));
        Assert.Equal(1, Plan(8, 250, k: 1).Sharded!.MostCopies);
    }

    [Fact]
    public void More_load_never_takes_fewer_devices()
    {
        int replicas = 0, devices = 0;
        for (var load = 1.0; load < 3000; load *= 1.7)
        {
            var plan = Plan(64, load);
            Assert.True(plan.Whole!.Replicas >= replicas && (plan.Sharded?.Devices ?? 1) >= devices);
            (replicas, devices) = (plan.Whole.Replicas, plan.Sharded?.Devices ?? 1);
        }
    }

    [Fact]
    public void That_every_expert_reads_the_prompt_costs_what_it_costs()
    {
        var (prompt, domain) = (Plan(64, 50, choice: PlannedRouting.ByPrompt).Whole!, Plan(64, 50).Whole!);
        Assert.Equal(32, prompt.PromptSeconds / domain.PromptSeconds, 1e-9);
        Assert.True(prompt.Replicas > domain.Replicas);
        Assert.Equal(prompt.PromptSeconds, Plan(64, 50, mode: "ensemble").Whole!.PromptSeconds, 1e-12);
    }

    [Fact]
    public void A_limit_between_tokens_makes_batches_smaller_or_cannot_be_met()
    {
        var whole = Plan(8, 10, limit: 0.0035).Whole!;
        Assert.InRange(whole.Batch, 2, 8);
        var none = Plan(8, 10, limit: 0.0012);
        Assert.Equal((null, null, null), (none.Whole, none.Sharded, none.Fewest));
        Assert.Equal(2, none.Notes.Count);
    }

    [Fact]
    public void What_the_server_does_today_is_told_from_what_takes_fewest_devices()
    {
        Assert.Equal(("sharded", null), (Plan(512, 50).Fewest, Plan(512, 50).FewestToday));
        Assert.Equal("sharded", Plan(512, 50, k: 1).FewestToday);
        Assert.Equal(("whole", "whole"), (Plan(4, 1).Fewest, Plan(4, 1).FewestToday));
    }

    [Fact]
    public void Chances_of_use_sum_to_k()
    {
        foreach (var mix in new[] { "uniform", "zipf:1.3", "0.7,0.2,0.1" })
            for (var k = 1; k <= 3; k++)
            {
                var use = CapacityPlanner.ExpertUse(DomainShares.Read("--mix", mix, 3), k);
                Assert.Equal(k, use.Sum(), 1e-12);
                Assert.All(use, q => Assert.InRange(q, 0, 1));
                Assert.Equal(k, CapacityPlanner.Distinct(use, 1), 1e-12);
            }
    }

    [Fact]
    public void A_plan_in_text_has_its_assumptions()
    {
        var plan = new CapacityPlanner(Small, Machine, new PlannedLoad(50, 100, 50, "zipf:1", null), new PlannedRouting("top_k",
            2, PlannedRouting.ByPrompt), Costs with { Assumptions = ["costs are planted"] }, new ServiceRules()).Plan([8, 64]);
        var lines = PlanReport.Lines(plan).ToArray();
        Assert.Contains("  - costs are planted", lines);
        Assert.Contains(lines, l => l.StartsWith("64 experts of 241 MiB", StringComparison.Ordinal));
        Assert.Contains(lines,
            l => l.Contains("domains: zipf:1, an expert each; a request uses its domain's expert and 1 of the others, evenly"));
        Assert.Contains(lines, l => l.StartsWith("    device 1: ", StringComparison.Ordinal));
    }
}
