using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class SweepPlanTests
{
    private static readonly PointSettings[] Points =
    [
        .. from precision in new[] { "fp32", "fp16" }
           from threads in new[] { "1", "2" }
           from k in Enumerable.Range(1, 5)
           select new PointSettings("top_k", k, "closed", 1, null, precision, new Dictionary<string, string> { ["--threads"] = threads }),
    ];

    [Fact]
    public void Every_point_is_measured_once_a_repeat()
    {
        var plan = SweepPlan.Of(Points, Points[0], repeats: 3, referenceEvery: 4, seed: 1).Where(p => !p.Reference).ToArray();
        for (var repeat = 0; repeat < 3; repeat++)
            Assert.Equal(Points.Select(p => p.Name).Order(), plan.Where(p => p.Repeat == repeat).Select(p => p.Settings.Name).Order());
        Assert.Equal(plan.Select(p => p.Repeat).Order(), plan.Select(p => p.Repeat));
    }

    [Fact]
    public void The_seed_decides_the_order()
    {
        string[] Names(int seed) => [.. SweepPlan.Of(Points, Points[0], 2, 4, seed).Select(p => p.Name)];
        Assert.Equal(Names(1), Names(1));
        Assert.NotEqual(Names(1), Names(2));
        var first = SweepPlan.Of(Points, Points[0], 2, 4, 1);
        Assert.NotEqual(first.Where(p => p is { Repeat: 0, Reference: false }).Select(p => p.Settings.Name),
            first.Where(p => p is { Repeat: 1, Reference: false }).Select(p => p.Settings.Name));
    }

    [Fact]
    public void Points_of_one_server_follow_each_other()
    {
        var plan = SweepPlan.Of(Points, Points[0], 1, 100, 5).Where(p => !p.Reference).Select(p => ServerKey.Of(p.Settings)!).ToArray();
        Assert.Equal(4, 1 + plan.Zip(plan.Skip(1)).Count(p => p.First != p.Second));
    }

    [Fact]
    public void The_reference_point_comes_first_and_last_and_in_between()
    {
        var plan = SweepPlan.Of(Points, Points[0], 2, 3, 1);
        Assert.True(plan[0].Reference);
        Assert.True(plan[^1].Reference);
        Assert.Equal(Enumerable.Range(0, plan.Count), plan.Select(p => p.Order));
        Assert.Equal(Enumerable.Range(0, plan.Count(p => p.Reference)), plan.Where(p => p.Reference).Select(p => p.Repeat));
        var home = ServerKey.Of(Points[0]);
        var since = 0;
        foreach (var point in plan)
        {
            since = point.Reference ? 0 : since + 1;
            // Five points a server: another server's are all measured before it.
            Assert.True(since <= (ServerKey.Of(point.Settings) == home ? 3 : 2 + 5), $"{since} points without the reference point");
        }

        Assert.Equal(plan.Count, plan.Select(p => p.Name).Distinct().Count());
    }

    [Fact]
    public void A_plan_that_follows_goes_on_counting()
    {
        var plan = SweepPlan.Of(Points[..3], Points[0], 1, 8, 1);
        var more = SweepPlan.Of([Points[0] with { Load = "open", Concurrency = null, Rate = 2 }], Points[0], 2, 8, 1, plan);
        Assert.Equal(plan.Count, more[0].Order);
        Assert.Equal(["top_k-k1-c1-fp32-threads=1-ref-r2", "top_k-k1-r2-fp32-threads=1-r0", "top_k-k1-r2-fp32-threads=1-r1",
            "top_k-k1-c1-fp32-threads=1-ref-r3"], more.Select(p => p.Name));
    }

    [Fact]
    public void A_load_curve_follows_from_the_best_closed_loop_of_the_same_settings()
    {
        PointResult Measured(PointSettings settings, int repeat, double rate) => new(Settings: settings, Repeat: repeat, Order: 0,
            Started: default,
            Summary: new(Seconds: 1, Requests: 1, Failed: 0, Statuses: new Dictionary<string, int>(), PromptTokens: 1,
                CompletionTokens: 1, TokensPerSecond: 1, RequestsPerSecond: rate, OfferedPerSecond: rate));
        var wide = Points[0] with { Concurrency = 8 };
        PointResult[] measured = [Measured(Points[0], 0, 1), Measured(wide, 0, 3), Measured(wide, 1, 4.3219), Measured(wide, 2, 90),
            Measured(Points[1], 0, 7)];
        var grid = new Grid([1, 8], [], ["top_k=1"]) { RateShares = [0.5, 1] };
        Assert.Equal(["top_k-k1-r2.16-fp32-threads=1", "top_k-k1-r4.32-fp32-threads=1"],
            CurveRates.Points(measured, grid).Select(p => p.Name));
    }
}
