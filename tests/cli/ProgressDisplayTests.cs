using System.Text;
using Spectre.Console;

using Btx.Cli;

namespace Btx.Cli.Tests;

public sealed class ProgressDisplayTests
{
    private readonly ManualClock clock = new();
    private readonly StringWriter output = new();

    [Fact]
    public void Plain_lines_tell_share_rate_time_left_and_note_without_escape_codes()
    {
        using var display = new ProgressDisplay(output, output, clock, null);
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
        using var display = new ProgressDisplay(output, output, clock, null);
        display.Start("seed", 1000, "tokens", alreadyDone: 500).Report(600);
        clock.Advance(10);
        Assert.Contains("60 % (600 of 1.00 k tokens, 10 tokens/s, 0:40 left)", output.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void The_rate_follows_recent_speed()
    {
        using var display = new ProgressDisplay(output, output, clock, null);
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
    public void On_a_terminal_there_are_bars_and_kept_lines_stand_above_them()
    {
        var terminal = AnsiConsole.Create(new() { Ansi = AnsiSupport.Yes, Interactive = InteractionSupport.Yes, Out = new Screen(output) });
        using (var display = new ProgressDisplay(output, output, clock, terminal))
        {
            var item = display.Start("novels", 4_000_000, "bytes");
            item.Report(1_000_000, "cleaning and a note that is far too long for one line of this terminal");
            display.Start("bible", 1, "bytes").Finish("kept");
            item.Finish("novels: 4.00 MB");
            display.WriteLine("last");
        }

        var text = output.ToString();
        Assert.Matches("novels         █{6}░{18} 25 % \\(1.00 M of 4.00 MB\\), cleaning.*…", text.ReplaceLineEndings(" "));
        Assert.Matches("kept\\s+novels         █", text);
        Assert.DoesNotContain("25 %", text[text.IndexOf("last", StringComparison.Ordinal)..], StringComparison.Ordinal);
    }

    [Fact]
    public void Work_that_is_measured_by_its_share_shows_the_share_the_time_left_and_what_is_being_done()
    {
        using var display = new ProgressDisplay(output, output, clock, null);
        var item = display.Start("export", 0, null);
        item.Report(0, "opening");
        clock.Advance(5);
        item.Report(1, "writing graphs", 4);
        clock.Advance(5);
        Assert.Equal("export: opening\nexport: 25 % (0:38 left), writing graphs\n", output.ToString());
    }

    [Fact]
    public void An_unknown_total_shows_no_share()
    {
        using var display = new ProgressDisplay(output, output, clock, null);
        display.Start("x", 0, "documents").Report(5);
        clock.Advance(5);
        Assert.Equal("x: 5 documents, 1 documents/s\n", output.ToString());
    }

    private sealed class Screen(TextWriter writer) : IAnsiConsoleOutput
    {
        public TextWriter Writer => writer;
        public bool IsTerminal => true;
        public int Width => 80;
        public int Height => 24;

        public void SetEncoding(Encoding encoding) { }
    }
}
