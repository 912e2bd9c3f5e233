using Btx.LoadTests.Sweeps;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Tests.Sweeps;

public sealed class GapWindowsTests
{
    [Fact]
    public void A_gap_counts_where_it_ended_and_a_window_without_tokens_has_no_figures()
    {
        // Tokens at 0.1, 0.2, 0.4, 1.6; and at 0.3.
        RequestRecord[] records = [Record(0, 0.1, [0.1f, 0.2f, 1.2f]), Record(1, 0.3, []),
            Record(2, null, []) with { Status = "unavailable", End = 1.1 }];
        var windows = GapWindows.Of(records, 1.75, 0.5);
        Assert.Equal([0, 0.5, 1, 1.5], windows.Select(w => w.From));
        Assert.Equal([0.5, 1, 1.5, 1.75], windows.Select(w => w.To));
        Assert.Equal([8, 0, 0, 4], windows.Select(w => w.TokensPerSecond));
        Assert.Equal([0, 0, 1, 0], windows.Select(w => w.Failed));
        Assert.Equal(0.15, windows[0].MedianGap!.Value, 1e-6);
        Assert.Equal(0.2, windows[0].WorstGap!.Value, 1e-6);
        Assert.Null(windows[1].MedianGap);
        Assert.Null(windows[2].WorstGap);
        Assert.Equal(1.2, windows[3].P99Gap!.Value, 1e-6);
    }

    [Fact]
    public void A_token_after_the_end_counts_to_the_last_window() =>
    Assert.Equal([0, 2], GapWindows.Of([Record(0, 1.5, [])], 1, 0.5).Select(w => w.TokensPerSecond));

    private static RequestRecord Record(int index, double? first, float[] gaps) =>
        new(Index: index, Due: 0, Sent: 0, FirstToken: first, End: 2, Domain: "prose", Status: "ok") { Gaps = gaps };
}
