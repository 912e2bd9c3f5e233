using Btx.LoadTests.Costs;
using Btx.LoadTests.Planning;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Comparing;
using Btx.LoadTests.Tests.Costs;

namespace Btx.LoadTests.Tests.Planning;

public sealed class PlanCheckingTests
{
    private static PlanCheck Check(IEnumerable<PointResult> points)
    {
        using var run = new PlantedRun(points);
        return StepCostFit.Check(MeasuredRun.Load(run.Path));
    }

    [Theory]
    [InlineData("top_k")]
    [InlineData("moe")]
    public void Points_of_the_model_are_predicted_from_the_others(string mode)
    {
        var check = Check(PlannedRuns.Points(mode));
        Assert.Equal(16, check.Points.Count);
        Assert.All(check.Points, p => Assert.Equal(1, p.Predicted / p.Measured, 1e-6));
        Assert.InRange(check.WorstError, 0, 1e-6);
    }

    [Fact]
    public void A_point_that_is_not_of_the_model_is_predicted_wrong()
    {
        var check = Check(PlannedRuns.Points(slower: s => s is { K: 3, Concurrency: 4 } ? 1.3 : 1));
        var off = check.Points.Single(p => p.Name == "top_k-k3-c4-fp32");
        Assert.InRange(off.Predicted / off.Measured, 1.25, 1.35);
        Assert.Equal(check.WorstError, Math.Abs((off.Predicted / off.Measured) - 1));
        Assert.InRange(check.MedianError, 0, 0.05);
        Assert.Contains(PlanReport.Lines(check), l => l.StartsWith("  off by", StringComparison.Ordinal));
    }

    [Fact]
    public void A_measured_knee_is_held_against_the_closed_loops_costs()
    {
        // With all 16 slots full a request takes 64 x 4 prompt rows and 32 steps of 16.
        var seconds = (256 * PlannedRuns.Truth.PerPromptToken)
            + (32 * PlannedRuns.Truth.StepTime(UnionFitting.Formula(4, 2, 16), 32, 0) / 16);
        var capacity = 1 / seconds;
        var check = Check(PlannedRuns.Points().Concat(new[] { 0.5, 0.9, 1.5 }.Select(f =>
            Planted.Point(Planted.Open("top_k", 2, f * capacity), 0.001, offered: f * capacity, achieved: Math.Min(f, 1.02) * capacity))));
        var knee = Assert.Single(check.Knees);
        Assert.Equal(capacity, knee.Predicted, 1e-6 * capacity);
        Assert.Equal(1.02 * capacity, knee.Measured, 1e-6 * capacity);
    }

    [Fact]
    public void Without_enough_points_it_says_so()
    {
        Assert.Contains("three others", Assert.Single(Check(PlannedRuns.Points().Take(2)).Notes));
        Assert.Contains("nothing to check", Assert.Single(Check([Planted.Point(Planted.Closed("average", 1), 1)]).Notes));
        Assert.Equal(0, Check([Planted.Point(Planted.Closed("average", 1), 1)]).WorstError);
    }

    [Fact]
    public void Fitted_costs_are_the_planted_ones_and_scale_with_bytes_parameters_and_bandwidth()
    {
        using var directory = new PlantedRun(PlannedRuns.Points());
        var run = MeasuredRun.Load(directory.Path);
        var routing = new PlannedRouting("top_k", 2, PlannedRouting.ByPrompt);
        var (same, machine) = StepCosts.Of(run, routing, 1e6, null, new ExpertSize(1e6, "fp32", 100), null);
        Assert.Equal(PlannedRuns.Truth.Step, same.Step, 1e-9);
        Assert.Equal(PlannedRuns.Truth.PerExpert, same.PerExpert, 1e-9);
        Assert.Equal(PlannedRuns.Truth.PerRow, same.PerRow, 1e-9);
        Assert.Equal(PlannedRuns.Truth.PerPromptToken, same.PerPromptToken, 1e-9);
        Assert.Equal((2.0, "a processor", 1), (Math.Round(machine.Bandwidth, 6), machine.Name, machine.Devices)); // 4 MB in 2 ms

        // Ten times the parameters in half the bytes, on memory five times as fast of which a quarter is reached too.
        var (other, _) = StepCosts.Of(run, routing, 1e6, 8, new ExpertSize(10e6, "fp16", 100),
            new MachineSpec { Bandwidth = 40, Memory = 1 });
        Assert.Equal(PlannedRuns.Truth.PerExpert, other.PerExpert, 1e-9);
        Assert.Equal(PlannedRuns.Truth.PerRow * 2, other.PerRow, 1e-9);
        Assert.Equal(1 / (40e9 * 0.25), other.PerKvByte, 1e-15);
        Assert.Contains(other.Assumptions, a => a.Contains("25 % of 8"));
    }

    [Fact]
    public void Costs_that_do_not_carry_over_are_refused()
    {
        using var directory = new PlantedRun(PlannedRuns.Points());
        var run = MeasuredRun.Load(directory.Path);
        var (routing, expert, machine) = (new PlannedRouting("top_k", 2, PlannedRouting.ByPrompt), new ExpertSize(1e6, "fp32", 100),
            new MachineSpec { Bandwidth = 40, Memory = 1 });
        Assert.Contains("--fitted-bandwidth",
            Assert.Throws<LoadTestException>(() => StepCosts.Of(run, routing, 1e6, null, expert, machine)).Message);
        Assert.Contains("lies in a cache",
            Assert.Throws<LoadTestException>(() => StepCosts.Of(run, routing, 1e6, 1, expert, machine)).Message);
        Assert.Contains("do not tell what an expert costs",
            Assert.Throws<LoadTestException>(() => StepCosts.Of(run, routing with { Mode = "moe" }, 1e6, null, expert, null)).Message);
    }
}
