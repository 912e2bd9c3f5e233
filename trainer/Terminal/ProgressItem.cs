namespace Btx.Trainer.Terminal;

/// <summary>One piece of work shown by a <see cref="ProgressDisplay"/>: report to it from any thread, as often as you like.</summary>
public sealed class ProgressItem
{
    private const double RateSeconds = 10;
    private const int BarWidth = 24;
    private readonly Lock gate = new();
    private readonly ProgressDisplay display;
    private readonly TimeProvider time;
    private double total;
    private double done;
    private string note = "";
    private double? rate;
    private double rateDone;
    private long rateTime;

    internal ProgressItem(ProgressDisplay display, TimeProvider time, string name, double total, string unit, double alreadyDone)
    {
        (this.display, this.time, Name, Unit, this.total, done) = (display, time, name, unit, total, alreadyDone);
        rateDone = alreadyDone;
        rateTime = time.GetTimestamp();
    }

    public string Name { get; }

    /// <summary>Plural noun such as <c>tokens</c>; <c>bytes</c> is scaled to kB, MB, GB.</summary>
    public string Unit { get; }

    /// <summary>Sets how much is done, in units, and optionally a note such as <c>loss 3.214</c> (null keeps the last one).</summary>
    public void Report(double unitsDone, string? newNote = null)
    {
        lock (gate)
        {
            done = unitsDone;
            note = newNote ?? note;
        }
    }

    /// <summary>Corrects an estimate of the total.</summary>
    public void SetTotal(double units)
    {
        lock (gate) total = units;
    }

    /// <summary>Takes the item off the display and leaves one line in its place.</summary>
    public void Finish(string summary) => display.Remove(this, summary);

    /// <summary>One line for a log: <c>seed: 62 % (372 k of 600 k tokens, 8.1 k tokens/s, 0:28 left), loss 3.214</c>.</summary>
    internal string PlainLine()
    {
        lock (gate)
        {
            Measure();
            var line = total > 0
                ? $"{Name}: {Percent()} ({Quantity.Short(done)} of {Quantity.WithUnit(Math.Max(total, done), Unit)}{RateAndTimeLeft(", ")})"
                : $"{Name}: {Quantity.WithUnit(done, Unit)}{RateAndTimeLeft(", ")}";
            return note.Length > 0 ? $"{line}, {note}" : line;
        }
    }

    /// <summary>One line with a bar, for a terminal of <paramref name="width"/> columns.</summary>
    internal string BarLine(int width)
    {
        lock (gate)
        {
            Measure();
            var filled = total > 0 ? (int)(Math.Min(1, done / total) * BarWidth) : 0;
            var line = $"{Name,-14} {new string('█', filled)}{new string('░', BarWidth - filled)} {Percent(),5}  "
                + $"{Quantity.WithUnit(done, Unit)}{RateAndTimeLeft("  ")}";
            if (note.Length > 0) line += $"  {note}";
            return line.Length <= width ? line : line[..width];
        }
    }

    private string Percent() => total > 0 ? $"{Math.Min(100, Math.Floor(100 * done / total)):F0} %" : "";

    private string RateAndTimeLeft(string separator)
    {
        if (rate is not > 0) return "";
        var text = $"{separator}{Quantity.WithUnit(rate.Value, Unit)}/s";
        return total > done
            ? $"{text}{separator}{Quantity.Duration(TimeSpan.FromSeconds(Math.Min((total - done) / rate.Value, 1e8)))} left" : text;
    }

    /// <summary>Moves the rate, an exponential mean over about ten seconds, on to now.</summary>
    private void Measure()
    {
        var seconds = time.GetElapsedTime(rateTime).TotalSeconds;
        if (seconds < 0.5) return;
        var now = (done - rateDone) / seconds;
        rate = rate is null ? now : rate + ((1 - Math.Exp(-seconds / RateSeconds)) * (now - rate));
        rateDone = done;
        rateTime = time.GetTimestamp();
    }
}
