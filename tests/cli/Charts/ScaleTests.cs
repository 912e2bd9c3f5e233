using Btx.Cli.Charts;
using FsCheck;
using FsCheck.Fluent;

namespace Btx.Cli.Tests.Charts;

public sealed class ScaleTests
{
    [Theory]
    [InlineData(new[] { 0.0, 97 }, 5, new[] { 0.0, 20, 40, 60, 80, 100 })]
    [InlineData(new[] { 3.2, 3.9 }, 7, new[] { 3.2, 3.3, 3.4, 3.5, 3.6, 3.7, 3.8, 3.9 })]
    [InlineData(new[] { -4.0, 11 }, 4, new[] { -5.0, 0, 5, 10, 15 })]
    public void Ticks_are_round_and_enclose_the_values(double[] values, int count, double[] ticks)
    {
        var scale = Scale.Of(new Axis("x"), values, count);
        Assert.Equal(ticks, scale.Ticks.Select(t => Math.Round(t, 9)));
        Assert.Equal((ticks[0], ticks[^1]), (Math.Round(scale.Least, 9), Math.Round(scale.Most, 9)));
    }

    [Theory]
    [InlineData(new[] { 1.0, 100000 }, 8, new[] { 1.0, 10, 100, 1000, 10000, 100000 })]
    [InlineData(new[] { 0.02, 0.3 }, 6, new[] { 0.02, 0.03, 0.05, 0.1, 0.2, 0.3 })]
    [InlineData(new[] { 1e-9, 1e9 }, 6, new[] { 1e-9, 1e-6, 1e-3, 1, 1e3, 1e6, 1e9 })]
    public void Logarithmic_ticks_are_round_and_enclose_the_values(double[] values, int count, double[] ticks)
    {
        var scale = Scale.Of(new Axis("x") { Logarithmic = true }, values, count);
        Assert.Equal(ticks.Length, scale.Ticks.Count);
        Assert.All(scale.Ticks.Zip(ticks), p => Assert.Equal(p.Second, p.First, p.Second * 1e-9));
    }

    [Fact]
    public void Counts_are_marked_at_whole_numbers_only()
    {
        Assert.Equal([1.0, 2, 3], Scale.Of(new Axis("k") { Whole = true }, [1, 3], 8, padded: true).Ticks);
        Assert.Equal([3.0, 4, 5], Scale.Of(new Axis("k") { Whole = true }, [4], 8).Ticks);
        Assert.Equal(Enumerable.Range(1, 8).Select(k => (double)k),
            Scale.Of(new Axis("k") { Whole = true }, [1, 8], 8, padded: true).Ticks);
    }

    [Fact]
    public void An_axis_from_zero_begins_there_and_a_padded_one_leaves_room()
    {
        var scale = Scale.Of(new Axis("y") { FromZero = true }, [7, 9], 5, padded: true);
        Assert.Equal(0, scale.Least);
        Assert.True(scale.Most > 9);
        var open = Scale.Of(new Axis("y"), [7, 9], 5, padded: true);
        Assert.True(open.Position(7) > 0.02 && open.Position(9) < 0.98);
    }

    [Fact]
    public void Named_ticks_are_kept_where_they_are_in_range()
    {
        var scale = Scale.Of(new Axis("requests in flight") { Logarithmic = true, Ticks = [1, 2, 4, 8, 64] }, [1, 8], 8, padded: true);
        Assert.Equal([1.0, 2, 4, 8], scale.Ticks);
        Assert.Equal(["1", "2", "4", "8"], scale.Ticks.Select(scale.Label));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    [InlineData(0.0)]
    [InlineData(-3.0)]
    public void What_has_no_place_has_none_and_does_not_stretch_the_axis(double value)
    {
        var scale = Scale.Of(new Axis("y") { Logarithmic = true }, [1, value, 10], 5);
        Assert.Equal((1, 10), (scale.Least, scale.Most));
        Assert.True(double.IsNaN(scale.Position(value)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Without_values_there_is_still_an_axis(bool logarithmic)
    {
        var scale = Scale.Of(new Axis("y") { Logarithmic = logarithmic }, [double.NaN], 5);
        Assert.True(scale.Least < scale.Most && scale.Ticks.Count > 1);
    }

    [Theory]
    [InlineData(new[] { 0.0, 20000 }, 4, "5k")]
    [InlineData(new[] { 0.0, 0.02 }, 4, "0.005")]
    [InlineData(new[] { 0.0, 4e-7 }, 4, "1E-07")]
    public void Labels_have_as_many_figures_as_the_step(double[] values, int count, string first)
    {
        var scale = Scale.Of(new Axis("y"), values, count);
        Assert.Equal("0", scale.Label(scale.Ticks[0]));
        Assert.Equal(first, scale.Label(scale.Ticks[1]));
        Assert.Equal(scale.Ticks.Count, scale.Ticks.Select(scale.Label).Distinct().Count());
    }

    [Fact]
    public void Labels_of_whole_numbers_close_together_differ()
    {
        var scale = Scale.Of(new Axis("y") { Whole = true }, [-7.32e12], 6);
        Assert.Equal(["-7320000000001", "-7320000000000", "-7319999999999"], scale.Ticks.Select(scale.Label));
    }

    [Fact]
    public void Whatever_the_values_ticks_are_few_ascending_evenly_labelled_and_in_range()
    {
        var amounts = Gen.Choose(-12, 12).SelectMany(power => Gen.Choose(-999, 999).Select(n => n * Math.Pow(10, power)));
        Prop.ForAll(amounts.ListOf().Two().Zip(ArbMap.Default.GeneratorFor<(bool, bool, bool)>()).ToArbitrary(), drawn =>
        {
            var ((values, more), (logarithmic, whole, padded)) = drawn;
            var scale = Scale.Of(new Axis("y") { Logarithmic = logarithmic, Whole = whole && !logarithmic },
                values.Concat(more), 6, padded);
            Assert.True(scale.Least < scale.Most);
            Assert.True(scale.Ticks.Count <= 15);
            Assert.Equal(scale.Ticks.Order(), scale.Ticks);
            Assert.All(scale.Ticks, t => Assert.InRange(scale.Position(t), -1e-6, 1 + 1e-6));
            foreach (var value in values.Where(v => !logarithmic || v > 0)) Assert.InRange(scale.Position(value), -1e-6, 1 + 1e-6);
            Assert.Equal(scale.Ticks.Count, scale.Ticks.Select(scale.Label).Distinct().Count());
        }).QuickCheckThrowOnFailure();
    }
}
