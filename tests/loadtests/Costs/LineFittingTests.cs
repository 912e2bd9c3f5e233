using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Costs;

public sealed class LineFittingTests
{
    [Fact]
    public void A_planted_line_is_found_within_its_interval()
    {
        var normal = Planted.Normal(1);
        var points = Enumerable.Range(1, 8).SelectMany(k => Enumerable.Range(0, 4).Select(r =>
            Planted.Point(Planted.Closed("top_k", k), (0.002 + (0.003 * k)) * (1 + (0.01 * normal())), r, batch: 1, experts: 8))).ToArray();
        var analysis = CostModel.Analyse(points, null, new());
        Assert.Equal(["decode_step", "inter_token"], analysis.Lines.Select(l => l.Quantity));
        var line = analysis.Lines[0];
        Assert.Equal(CostLine.Forest, line.Form);
        Assert.InRange(0.002, line.Fit.Intercept.Low!.Value, line.Fit.Intercept.High!.Value);
        Assert.InRange(0.003, line.Fit.Slope.Low!.Value, line.Fit.Slope.High!.Value);
        Assert.InRange(line.Fit.Slope.High!.Value - line.Fit.Slope.Low!.Value, 0, 0.0001);
        Assert.True(line.Fit.R2 > 0.999);
        Assert.True(line.Fit.MisfitP > 0.01);
        Assert.Null(line.Held);
        Assert.Empty(line.Breaks);
        Assert.Equal((1.0, 8.0, 8), (line.Fit.From, line.Fit.To, line.Points.Count));
        Assert.InRange(analysis.Noise.Relative("decode_step"), 0.006, 0.014);
    }

    [Fact]
    public void A_break_beyond_some_k_is_found_and_the_rest_gives_the_line()
    {
        double[] seconds = [0.005, 0.008, 0.011, 0.018];
        var points = seconds.SelectMany((s, i) =>
            Enumerable.Range(0, 3).Select(r => Planted.Point(Planted.Closed("top_k", i + 1), s * (1 + (0.004 * (r - 1))), r))).ToArray();
        var line = Assert.Single(CostModel.Analyse(points, null, new()).Lines);
        Assert.Equal([false, false, false, true], line.Points.Select(p => p.Breaks));
        Assert.Equal(0.003, line.Best().Slope.Value, 1e-5);
        Assert.Equal(3, line.Best().To);
        Assert.Equal(18 / 14.0, line.Points[3].Deviation + 1, 0.005);
        Assert.Contains("k = 4 takes 28.6 % more than the line through k = 1, 2 and 3 says: 18 ms against 14 ms",
            Assert.Single(line.Breaks));
        Assert.True(line.Fit.MisfitP < 0.001);
    }

    [Fact]
    public void A_break_that_noise_explains_is_none()
    {
        double[] seconds = [0.005, 0.008, 0.011, 0.0155];
        PointResult[] Points(double scatter) => [.. seconds.SelectMany((
            s, i) => Enumerable.Range(0, 3).Select(r => Planted.Point(Planted.Closed("top_k", i + 1), s * (1 + (scatter * (r - 1))), r)))];
        Assert.NotEmpty(CostModel.Analyse(Points(0.005), null, new()).Lines[0].Breaks);
        Assert.Empty(CostModel.Analyse(Points(0.15), null, new()).Lines[0].Breaks);
    }

    [Fact]
    public void Two_regimes_give_the_line_of_the_lower_one()
    {
        var points = Enumerable.Range(1, 8).Select(k =>
            Planted.Point(Planted.Closed("moe", k), k <= 4 ? 0.002 + (0.001 * k) : -0.005 + (0.004 * k), experts: 8)).ToArray();
        var line = Assert.Single(CostModel.Analyse(points, null, new()).Lines);
        Assert.Equal(CostLine.Mixture, line.Form);
        Assert.Equal([5.0, 6, 7, 8], line.Points.Where(p => p.Breaks).Select(p => p.K));
        Assert.Equal(0.001, line.Best().Slope.Value, 1e-9);
    }

    [Fact]
    public void A_curve_that_no_line_fits_is_called_so()
    {
        var points = new[] { 1.0, 10, 11 }.Select((s, i) => Planted.Point(Planted.Closed("top_k", i + 1), s / 1000)).ToArray();
        var line = Assert.Single(CostModel.Analyse(points, null, new()).Lines);
        Assert.Null(line.Held);
        Assert.StartsWith("no straight line holds", line.Breaks[0]);
    }

    [Fact]
    public void The_ensemble_is_k_of_all_and_loads_and_builds_are_kept_apart()
    {
        PointResult[] points =
        [
            .. new[] { 1, 2, 3 }.SelectMany(k => new[] { 1, 4 }.Select(c => Planted.Point(Planted.Closed("top_k", k, c), 0.001 * k * c))),
            Planted.Point(Planted.Closed("ensemble", 4), 0.004), Planted.Point(Planted.Closed("expert", 1), 0.5),
                Planted.Point(Planted.Closed("average", 1), 0.5),
            Planted.Point(Planted.Closed("top_k", 1, precision: "int4"), 0.001),
                Planted.Point(Planted.Closed("peer:llama.cpp", null), 0.001),
        ];
        var analysis = CostModel.Analyse(points, null, new());
        Assert.Equal(["concurrency 1, fp32", "concurrency 4, fp32"], analysis.Lines.Select(l => l.Where));
        Assert.Equal([1.0, 2, 3, 4], analysis.Lines[0].Points.Select(p => p.K));
        Assert.Contains(analysis.Notes, n => n == "a + b·k at concurrency 1, int4: 1 value of k, a line needs three");
    }

    [Fact]
    public void Coefficients_that_mean_nothing_are_called_so()
    {
        var flat = new[] { 1.0, 1.02, 0.99, 1.01 }.Select((s, i) => Planted.Point(Planted.Closed("top_k", i + 1), s / 1000)).ToArray();
        Assert.Contains("cannot be told from zero", Assert.Single(CostModel.Analyse(flat, null, new()).Lines[0].Breaks));
        var steep = Enumerable.Range(2, 4).Select(k => Planted.Point(Planted.Closed("top_k", k), ((k - 1) * 0.001) + 1e-6)).ToArray();
        Assert.Contains("the constant is below zero", Assert.Single(CostModel.Analyse(steep, null, new()).Lines[0].Breaks));
    }

    [Fact]
    public void Noise_comes_from_the_reference_point_which_the_fits_leave_out()
    {
        PointResult[] points =
        [
            .. Enumerable.Range(1, 3)
                .SelectMany(k => Enumerable.Range(0, 2).Select(r => Planted.Point(Planted.Closed("top_k", k), 0.001 * k, r))),
            .. Enumerable.Range(0, 5)
                .Select(r => Planted.Point(Planted.Closed("top_k", 2), 0.002 * Math.Exp(0.1 * (r - 2)), r + 2, reference: true)),
        ];
        var analysis = CostModel.Analyse(points, null, new());
        Assert.Equal(0.1 * Math.Sqrt(2.5), analysis.Noise.Relative("inter_token"), 1e-9);
        Assert.Equal(["reference", "repeats"], analysis.Noise.Where(n => n.Metric == "inter_token").Select(n => n.Source));
        Assert.Equal(2, analysis.Lines[0].Points[1].Seconds.Count);
        Assert.Equal(0, new List<NoiseFigure>().Relative("inter_token"));
    }
}
