using Btx.Cli;

namespace Btx.Trainer.Tests.Terminal;

public sealed class ProgressDisplayTests
{
    private readonly ManualClock clock = new();
    private readonly StringWriter output = new();

    [Fact]
    public void Plain_lines_tell_share_rate_time_left_and_note_without_escape_codes()
    {
        using var display = new ProgressDisplay(output, live: false, clock);
        var item = display.Start("seed", 600_000, "tokens");
        item.Report(60_000, "loss 3.214");
        clock.Advance(6);
        Assert.Equal("seed: 10 % (60.0 k of 600 k tokens, 10.0 k tokens/s, 0:54 left), loss 3.214\n", output.ToString());
        item.Finish("seed: done");
        Assert.EndsWith("seed: done\n", output.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain('\u001b', output.ToString());
    }

    [Fact]
    public void Work_of_an_earlier_run_counts_as_done_but_not_towards_the_rate()
    {
        using var display = new ProgressDisplay(output, live: false, clock);
        display.Start("seed", 1000, "tokens", alreadyDone: 500).Report(600);
        clock.Advance(10);
        Assert.Contains("60 % (600 of 1.00 k tokens, 10 tokens/s, 0:40 left)", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_rate_follows_recent_speed()
    {
        using var display = new ProgressDisplay(output, live: false, clock);
        var item = display.Start("x", 1e6, "steps");
        double done = 0;
        for (var i = 0; i < 10; i++) Step(1000);
        for (var i = 0; i < 20; i++) Step(100);
        Assert.Contains("100 steps/s", output.ToString().TrimEnd('\n').Split('\n')[^1], StringComparison.Ordinal);

        void Step(double rate)
        {
            item.Report(done += 5 * rate);
            clock.Advance(5);
        }
    }

    [Fact]
    public void Bars_are_redrawn_in_place_and_kept_lines_stand_above_them()
    {
        using (var display = new ProgressDisplay(output, live: true, clock, () => 60))
        {
            var item = display.Start("novels", 4_000_000, "bytes");
            item.Report(1_000_000, "cleaning and a note that is far too long for one line of this terminal");
            clock.Advance(1);
            var bar = output.ToString().TrimEnd('\n');
            Assert.Contains("25 %", bar, StringComparison.Ordinal);
            Assert.Equal(60, bar.Length);
            display.WriteLine("kept");
            Assert.Contains("\u001b[1F\u001b[Jkept\n", output.ToString(), StringComparison.Ordinal);
        }

        Assert.EndsWith("\u001b[1F\u001b[J", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_unknown_total_shows_no_share()
    {
        using var display = new ProgressDisplay(output, live: false, clock);
        display.Start("x", 0, "documents").Report(5);
        clock.Advance(5);
        Assert.Equal("x: 5 documents, 1 documents/s\n", output.ToString());
    }

    [Theory]
    [InlineData(0, "0")]
    [InlineData(7, "7")]
    [InlineData(0.1234, "0.12")]
    [InlineData(999, "999")]
    [InlineData(999.7, "1.00 k")]
    [InlineData(12_345, "12.3 k")]
    [InlineData(999_600, "1.00 M")]
    [InlineData(1_500_000, "1.50 M")]
    [InlineData(2.5e9, "2.50 G")]
    public void Numbers_are_short(double value, string expected) => Assert.Equal(expected, Quantity.Short(value));

    [Theory]
    [InlineData(0, "0:00")]
    [InlineData(-5, "0:00")]
    [InlineData(59.6, "1:00")]
    [InlineData(754, "12:34")]
    [InlineData(3723, "1:02:03")]
    [InlineData(183_840, "2 d 03:04")]
    public void Durations_are_clear(double seconds, string expected) =>
    Assert.Equal(expected, Quantity.Clock(TimeSpan.FromSeconds(seconds)));

    [Theory]
    [InlineData(512, "512 B")]
    [InlineData(1_500_000, "1.50 MB")]
    public void Bytes_have_their_unit(double bytes, string expected) => Assert.Equal(expected, Quantity.Bytes(bytes));
}
