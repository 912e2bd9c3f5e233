using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Tests.Costs;

public sealed class UnionFittingTests
{
    [Theory]
    [InlineData(8, 2, 1, 2)]
    [InlineData(8, 2, 2, 3.5)]
    [InlineData(4, 4, 3, 4)]
    [InlineData(4, 1, 1000, 4)]
    public void The_formula(int experts, int k, double batch, double distinct) =>
    Assert.Equal(distinct, UnionFitting.Formula(experts, k, batch), 1e-9);

    [Fact]
    public void The_formula_is_the_mean_of_what_independent_tokens_touch()
    {
        var random = new Random(3);
        double sum = 0;
        for (var trial = 0; trial < 20_000; trial++)
        {
            var touched = new HashSet<int>();
            for (var token = 0; token < 3; token++)
            {
                var experts = Enumerable.Range(0, 8).ToArray();
                random.Shuffle(experts);
                touched.UnionWith(experts[..2]);
            }

            sum += touched.Count;
        }

        Assert.Equal(UnionFitting.Formula(8, 2, 3), sum / 20_000, 0.03);
    }

    [Fact]
    public void Planted_costs_of_a_distinct_expert_and_of_a_row_are_told_apart()
    {
        var points = (from c in new[] { 1, 2, 4, 8 }
                      from k in new[] { 1, 2, 4 }
                      let d = UnionFitting.Formula(8, k, c)
                      select Planted.Point(
            Planted.Closed("moe", k, c), 0.001 + (0.002 * d) + (0.0001 * c * k), batch: c, distinct: d, experts: 8)).ToArray();
        var union = Assert.Single(CostModel.Analyse(points, null, new()).Unions);
        Assert.Equal(CostLine.Mixture, union.Form);
        Assert.Equal(0.001, union.Step!.Value, 1e-9);
        Assert.Equal(0.002, union.PerExpert!.Value, 1e-9);
        Assert.Equal(0.0001, union.PerRow!.Value, 1e-9);
        Assert.Equal(1, union.R2!.Value, 1e-9);
        Assert.Empty(union.Breaks);
        Assert.All(union.Points, p => Assert.True(p.FormulaHolds));
    }

    [Fact]
    public void Where_the_formula_is_off_it_is_said()
    {
        var points = (from c in new[] { 1, 2, 4 }
                      from k in new[] { 1, 2 }
                      let d = c == 1 ? k : 0.75 * UnionFitting.Formula(4, k,
            c)
                      select Planted.Point(Planted.Closed("top_k", k, c), 0.001 + (0.002 * d), batch: c, distinct: d)).ToArray();
        var union = Assert.Single(CostModel.Analyse(points, null, new()).Unions);
        Assert.Equal(4, union.Points.Count(p => !p.FormulaHolds));
        Assert.Contains(union.Breaks, b => b.StartsWith("the formula of distinct experts is off at 4 of 6 points", StringComparison.Ordinal)
            && b.Contains("25 % less") && b.Contains("one domain choose the same"));
    }

    [Fact]
    public void One_request_at_a_time_cannot_tell_rows_from_experts()
    {
        var points = Enumerable.Range(1, 6)
            .Select(k => Planted.Point(Planted.Closed("top_k", k), 0.001 + (0.002 * k), batch: 1, distinct: k, experts: 6)).ToArray();
        var union = Assert.Single(CostModel.Analyse(points, null, new()).Unions);
        Assert.Equal(0.002, union.PerExpert!.Value, 1e-9);
        Assert.Null(union.PerRow);
        Assert.Contains(union.Breaks, b => b.Contains("rise together"));
        Assert.Null(Assert.Single(CostModel.Analyse(points[..2], null, new()).Unions).PerExpert);
        Assert.Empty(CostModel.Analyse([Planted.Point(Planted.Closed("top_k", 1), 1)], null, new()).Unions);
    }
}
