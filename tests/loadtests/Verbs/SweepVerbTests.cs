using Btx.LoadTests.Records;
using Btx.LoadTests.Verbs;

namespace Btx.LoadTests.Tests.Verbs;

public sealed class SweepVerbTests
{
    private static readonly ServiceObjective Objective = new(0.5, null, null, 0.9);

    [Fact]
    public void An_objective_that_nothing_meets_is_said_with_the_nearest_point() =>
        Assert.Equal(
            ("no point met the objective in 90.0 % of its requests; the nearest is ensemble-c2-fp32 with 50.0 %. Allow more time, or "
                + "measure lower loads (--concurrency, --rate)")
                .Replace(" %", "%", StringComparison.Ordinal),
            SweepVerb.Verdict(Objective, [Result(1, 2), Result(2, 5)]).Replace(" %", "%", StringComparison.Ordinal));

    [Fact]
    public void Points_that_meet_it_are_counted_over_their_repeats() =>
        Assert.StartsWith("1 of 2 points met the objective",
        SweepVerb.Verdict(Objective, [Result(1, 2), Result(2, 9), Result(2, 10) with { Repeat = 1 }]), StringComparison.Ordinal);

    private static PointResult Result(int concurrency, double good) => new(
        Settings: new("ensemble", 3, "closed", concurrency, null, "fp32", new Dictionary<string, string>()), Repeat: 0, Order: 0,
        Started: default,
        Summary: new(Seconds: 1, Requests: 10, Failed: 0, Statuses: new Dictionary<string, int>(), PromptTokens: 1,
            CompletionTokens: 1, TokensPerSecond: 1, RequestsPerSecond: 10, OfferedPerSecond: 10, GoodputPerSecond: good));
}
