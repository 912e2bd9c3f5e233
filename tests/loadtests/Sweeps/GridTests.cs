using Btx.LoadTests.Clients;
using Btx.LoadTests.Records;
using Btx.LoadTests.Sweeps;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class GridTests
{
    internal static readonly ServedFacts Forest = new(["ada", "bob", "cy"], ["prose", "code", "law"], [], [], 0, 128, "fp32", "a forest");
    private static readonly ServedFacts Both = Forest with { MixtureExperts = ["x", "y"], MixtureChoices = [1, 2], MixtureK = 2 };
    private static readonly Grid Loads = new([1, 4], []);

    [Fact]
    public void Without_axes_every_mode_and_k_that_is_served_is_a_point()
    {
        var points = Points(Loads, ("fp32", Both));
        Assert.Equal(
            ["ensemble-c1-fp32", "ensemble-c4-fp32", "top_k-k1-c1-fp32", "top_k-k1-c4-fp32", "top_k-k2-c1-fp32", "top_k-k2-c4-fp32",
                "top_k-k3-c1-fp32", "top_k-k3-c4-fp32", "average-c1-fp32", "average-c4-fp32", "moe-k1-c1-fp32", "moe-k1-c4-fp32",
                "moe-k2-c1-fp32", "moe-k2-c4-fp32"],
            points.Select(p => p.Name));
        Assert.Equal(3, points[0].K);
        Assert.Equal(1, points.First(p => p.Mode == "average").K);
    }

    [Fact]
    public void Every_option_multiplies_the_points_and_rates_are_points_of_their_own()
    {
        var grid = new Grid([1], [0.5], ["top_k=2"], ["ensemble", "top_k"], [2])
        {
            Options = new Dictionary<string, IReadOnlyList<string>> { ["--spin"] = ["never"], ["--threads"] = ["1", "2"] },
        };
        Assert.Equal(
            ["ensemble-c1-fp32-spin=never-threads=1", "ensemble-c1-fp32-spin=never-threads=2", "top_k-k2-c1-fp32-spin=never-threads=1",
                "top_k-k2-c1-fp32-spin=never-threads=2", "top_k-k2-r0.5-fp32-spin=never-threads=1",
                "top_k-k2-r0.5-fp32-spin=never-threads=2"],
            Points(grid, ("fp32", Forest)).Select(p => p.Name));
    }

    [Fact]
    public void A_precision_has_the_modes_of_what_is_served_in_it_and_a_peer_is_measured_once()
    {
        var mixture = Both with { Experts = [], Domains = [] };
        var points = Points(Loads with { Modes = ["ensemble", "moe"], Peers = [("peer:genai", "fp16")], K = [2], Concurrency = [1] },
            ("fp32", Forest), ("int4", mixture));
        Assert.Equal(["ensemble-c1-fp32", "moe-k2-c1-int4", "peer_genai-c1-fp16"], points.Select(p => p.Name));
    }

    [Fact]
    public void A_k_that_one_mode_cannot_take_is_left_out_of_it_and_said()
    {
        var notes = new List<string>();
        var points = (Loads with
        {
            Modes = ["top_k", "moe"],
            K = [2, 3],
            Concurrency = [1]
        }).Points(new Dictionary<string, ServedFacts> { ["fp32"] = Both }, notes);
        Assert.Equal(["top_k-k2-c1-fp32", "top_k-k3-c1-fp32", "moe-k2-c1-fp32"], points.Select(p => p.Name));
        Assert.Equal(["moe in fp32: k 3 is left out; it takes 1, 2"], notes);
    }

    [Theory]
    [InlineData("moe", 1, "--modes moe: no BTX model is served; add --btx DIR")]
    [InlineData("expert:eve", 1, "--modes expert:eve: no such expert is served; there are ada, bob, cy")]
    [InlineData("top_k", 4, "--modes top_k: takes k 1..3, and --k names none of these")]
    [InlineData("ensemble", 4, "--k 4: no mode takes it; the forest has 3 experts, the BTX model 0")]
    public void What_nothing_serves_is_refused(string mode, int k, string message) =>
        Assert.StartsWith(message, Assert.Throws<LoadTestException>(() =>
        Points(Loads with { Modes = [mode], K = [k] }, ("fp32", Forest))).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("ensembel")]
    [InlineData("peer:genai")]
    [InlineData("top_p")]
    [InlineData("top_p:1.5")]
    [InlineData("moe:2")]
    public void An_unknown_mode_is_refused(string mode) => Assert.StartsWith($"--modes {mode}: ",
    Assert.Throws<LoadTestException>((Loads with { Modes = [mode] }).Validate).Message, StringComparison.Ordinal);

    private static IReadOnlyList<PointSettings> Points(Grid grid, params (string Precision, ServedFacts Facts)[] served) =>
        grid.Points(served.ToDictionary(s => s.Precision, s => s.Facts), []);
}
