using Btx.Trainer.RoutingStatistics;

namespace Btx.Trainer.Tests.RoutingStatistics;

public sealed class RoutingWatchTests
{
    private static readonly string[] Experts = ["ants", "bees", "cows"];

    [Fact]
    public void An_alarm_is_raised_at_the_third_low_statistic_in_a_row_and_again_only_after_a_recovery()
    {
        var watch = new RoutingWatch(Experts);
        double[] shares = [0.009, 0.009, 0.02, 0.0, 0.0, 0.009, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0];
        var raised = shares.SelectMany((share, i) => watch.Note(Statistic(i, share))).ToArray();
        Assert.Equal([5L, 11], raised.Select(a => a.Step));
        Assert.All(raised, a => Assert.Equal((1, 2, "cows"), (a.Layer, a.Expert, a.Name)));
    }

    [Fact]
    public void The_line_names_layer_expert_and_remedy()
    {
        var watch = new RoutingWatch(Experts);
        var alarm = new RoutingAlarm(500, 1, 2, "cows", 0.0042);
        Assert.Equal(
            "ALARM: layer 1: expert 2 (cows) gets 0.42 % of the gates at step 500, under 1.0 % for 3 statistics in a row; start over "
                + "with --fresh and --load-balancing 0.01",
            watch.Line(alarm, 0));
        Assert.EndsWith("a larger --load-balancing than 0.01", watch.Line(alarm, 0.01));
    }

    [Fact]
    public void Of_many_experts_the_even_share_is_no_alarm() =>
    Assert.Equal(0.25 / 128, new RoutingWatch([.. Enumerable.Range(0, 128).Select(i => $"e{i}")]).Bound);

    private static RoutingRow[] Statistic(int step, double share) =>
        [.. Enumerable.Range(0, 2)
        .SelectMany(l => Enumerable.Range(0, 3).Select(e => new RoutingRow(step, 0, l, e, 0.3, (l, e) == (1, 2) ? share : 0.3, 1)))];
}
