using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Costs;

public sealed class LoadCurveTests
{
    private static LoadCurve Open(AnalysisOptions options, params (double Rate, double Achieved, double Share)[] rates) =>
        Assert.Single(CostModel.Analyse([.. rates.Select(r => Planted.Point(Planted.Open("top_k", 2, r.Rate), 0.001, offered: r.Rate,
        achieved: r.Achieved, share: r.Share))], null, options).Curves);

    [Fact]
    public void The_knee_lies_between_the_last_rate_that_is_served_and_the_first_that_is_not()
    {
        var curve = Open(new(), (1, 1, 1), (2, 1.99, 1), (4, 3.9, 1), (8, 5.5, 0.2), (16, 5.6, 0));
        Assert.Equal((4, 8, 5.6), (curve.Knee!.Low, curve.Knee.High, curve.Knee.Load));
        Assert.Equal([false, false, false, true, true], curve.Points.Select(p => p.Saturated));
        Assert.Equal("the knee lies between 4 and 8 requests/s (about 5.6): at 8 68.8 % is served", curve.Finding);
    }

    [Fact]
    public void An_objective_can_be_missed_before_throughput_is()
    {
        var curve = Open(new() { Objective = new ServiceObjective(0.2, null, null) }, (1, 1, 1), (2, 1.99, 1), (4, 3.9, 0.6), (8, 5.5, 0));
        Assert.Equal((2, 4, 3), (curve.Knee!.Low, curve.Knee.High, curve.Knee.Load));
        Assert.Contains("objective", curve.Knee.Method);
    }

    [Fact]
    public void A_server_that_keeps_up_has_no_knee_and_one_that_never_does_has_it_below_the_first_rate()
    {
        var keeps = Open(new(), (1, 1, 1), (2, 1.98, 1));
        Assert.Null(keeps.Knee);
        Assert.Equal("not saturated up to 2 requests/s: 99 % of what was offered is served", keeps.Finding);
        var never = Open(new(), (4, 1.1, 1), (8, 1.2, 1));
        Assert.Equal((0, 4, 1.2), (never.Knee!.Low, never.Knee.High, never.Knee.Load));
    }

    [Theory]
    [InlineData(4, new[] { 1, 2, 4, 8, 16 }, new[] { 100.0, 190, 360, 380, 390 })]
    [InlineData(2, new[] { 1, 2, 4, 8 }, new[] { 100.0, 190, 195, 190 })]
    [InlineData(1, new[] { 1, 2, 4 }, new[] { 100.0, 101, 100.5 })]
    [InlineData(null, new[] { 1, 2, 4, 8 }, new[] { 100.0, 200, 400, 800 })]
    [InlineData(null, new[] { 1, 2 }, new[] { 100.0, 100 })]
    public void In_the_closed_loop_the_knee_is_where_throughput_bends(int? knee, int[] concurrency, double[] tokens)
    {
        var points = concurrency.Select((c, i) => Planted.Point(Planted.Closed("ensemble", 4, c), 0.01, tokensPerSecond: tokens[i]))
            .ToArray();
        var curve = Assert.Single(CostModel.Analyse(points, null, new()).Curves);
        Assert.Equal(knee, (int?)curve.Knee?.Load);
        Assert.NotEmpty(curve.Finding);
    }
}
