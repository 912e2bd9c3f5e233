using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Costs;

/// <summary>A run whose noise is larger than what separates the settings that qualify.</summary>
public sealed class UndecidedTests
{
    internal static readonly QualityTable Quality = Planted.Quality(("top_k:k=1@fp32", 2.01), ("top_k:k=2@fp32", 2.005),
        ("top_k:k=3@fp32", 2.0), ("ensemble@fp32", 2.0));

    /// <summary>The ensemble's figure is the lowest.</summary>
    internal static PointResult[] Points(double scatter, double k2 = 0.0054, double k3 = 0.0052) =>
    [
        .. new[] { ("top_k", 1, 0.0056), ("top_k", 2, k2), ("top_k", 3, k3), ("ensemble", 4, 0.005) }
            .SelectMany(p =>
            Enumerable.Range(0, 3).Select(r => Planted.Point(Planted.Closed(p.Item1, p.Item2), p.Item3 * (1 + (scatter * (r - 1))), r))),
    ];

    private static Recommendation Only(PointResult[] points) => Assert.Single(CostModel.Analyse(points, Quality, new()).Recommendations);

    [Fact]
    public void Where_all_that_qualify_cost_alike_the_fewest_experts_are_chosen()
    {
        var choice = Only(Points(0.2));
        Assert.Equal((true, true, "top_k-k1-c1-fp32", 1, "ensemble-c1-fp32", 4),
            (choice.Undecided, choice.WithinNoise, choice.Point, choice.K, choice.RunnerUp, choice.Qualifying));
        Assert.Equal(["ensemble-c1-fp32", "top_k-k3-c1-fp32", "top_k-k2-c1-fp32", "top_k-k1-c1-fp32"], choice.CostsAlike);
        Assert.Equal("concurrency 1: this run cannot tell what costs least within 1 % of the full ensemble's quality: all 4 settings that qualify "
            + "cost alike beside the noise; of these top_k-k1-c1-fp32 runs the fewest experts", choice.Sentence);
        Assert.Equal((0.00672, 0.006), (Math.Round(choice.Cost!.Value, 9), Math.Round(choice.RunnerUpCost!.Value, 9)));
        Assert.Equal((0.005, 2.01), (Math.Round(choice.Loss!.Value, 9), Math.Round(choice.BitsPerByte!.Value, 9)));
    }

    [Fact]
    public void Most_of_them_are_enough_and_half_of_them_are_not()
    {
        var most = Only(Points(0.2, k3: 0.02));
        Assert.Equal((true, "top_k-k1-c1-fp32"), (most.Undecided, most.Point));
        Assert.Contains("3 of the 4 settings that qualify", most.Sentence);
        var some = Only(Points(0.2, k2: 0.02, k3: 0.02));
        Assert.Equal((false, true, "ensemble-c1-fp32", "top_k-k1-c1-fp32"), (some.Undecided, some.WithinNoise, some.Point, some.RunnerUp));
    }

    [Fact]
    public void A_quiet_run_can_tell()
    {
        var choice = Only(Points(0.001));
        Assert.Equal((false, false, "ensemble-c1-fp32"), (choice.Undecided, choice.WithinNoise, choice.Point));
        Assert.Equal(["ensemble-c1-fp32"], choice.CostsAlike);
    }

    [Fact]
    public void Two_measurements_of_the_reference_point_are_too_few_where_other_repeats_are_known()
    {
        PointResult[] points = [.. Points(0.2),
            .. Enumerable.Range(0, 2).Select(r => Planted.Point(Planted.Closed("average", 1), 0.004, r, reference: true))];
        Assert.Equal("repeats", CostModel.Analyse(points, null, new()).Noise.Figure("inter_token")!.Source);
    }

    [Theory]
    [InlineData(1, "of 1 of 1 settings that meet")]
    [InlineData(2, "of 2 of 2 settings that meet")]
    public void Without_quality_the_objective_is_answered_by_throughput(int settings, string words)
    {
        PointResult[] points = [.. Enumerable.Range(1, settings)
            .Select(k => Planted.Point(Planted.Closed("top_k", k), 0.006 * k, share: 1))];
        var best = Assert.Single(CostModel.Analyse(points, null, new() { Objective = new(null, 0.5, null) }).Recommendations);
        Assert.Equal(("top_k-k1-c1-fp32", 1.0, null), (best.Point, best.ShareMet, best.BitsPerByte));
        Assert.Contains(words, best.Sentence);
        Assert.EndsWith("top_k-k1-c1-fp32 has the highest throughput (no quality is known)", best.Sentence);
    }
}
