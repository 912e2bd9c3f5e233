using System.Text;

namespace Btx.Trainer.Terminal;

/// <summary>
/// Shows the progress of long work: bars that redraw in place on a terminal, one plain line every few seconds elsewhere. Lines
/// meant to stay are written with <see cref="WriteLine"/>. Thread-safe; dispose it when the work ends, however it ends.
/// </summary>
public sealed class ProgressDisplay : IDisposable
{
    private static readonly TimeSpan LiveInterval = TimeSpan.FromMilliseconds(120);
    private static readonly TimeSpan PlainInterval = TimeSpan.FromSeconds(5);
    private readonly Lock gate = new();
    private readonly TextWriter output;
    private readonly bool live;
    private readonly Func<int> width;
    private readonly TimeProvider time;
    private readonly ITimer timer;
    private readonly List<ProgressItem> items = [];
    private int drawn;
    private bool disposed;

    /// <param name="output">Where lines go.</param>
    /// <param name="live">Whether <paramref name="output"/> is a terminal that understands cursor movement.</param>
    /// <param name="time">Clock of rates and of the redraw.</param>
    /// <param name="width">Columns of the terminal; asked at every redraw.</param>
    public ProgressDisplay(TextWriter output, bool live, TimeProvider time, Func<int>? width = null)
    {
        (this.output, this.live, this.time, this.width) = (output, live, time, width ?? (() => 120));
        var interval = live ? LiveInterval : PlainInterval;
        timer = time.CreateTimer(_ => Tick(), null, interval, interval);
    }

    /// <summary>A display on standard output, live if that is a terminal.</summary>
    public static ProgressDisplay Create() => new(
        Console.Out,
        live: !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb"),
        TimeProvider.System,
        () => Console.IsOutputRedirected ? 120 : Math.Max(20, Console.WindowWidth - 1));

    /// <summary>Shows a piece of work.</summary>
    /// <param name="name">What is being done.</param>
    /// <param name="total">Units in all; 0 if unknown.</param>
    /// <param name="unit">See <see cref="ProgressItem.Unit"/>.</param>
    /// <param name="alreadyDone">Units done by an earlier run: they count as done but not towards the rate.</param>
    public ProgressItem Start(string name, double total, string unit, double alreadyDone = 0)
    {
        var item = new ProgressItem(this, time, name, total, unit, alreadyDone);
        lock (gate) items.Add(item);
        return item;
    }

    /// <summary>Writes a line that stays, above the bars.</summary>
    public void WriteLine(string line)
    {
        lock (gate) Draw(line);
    }

    /// <summary>Stops the display and removes the bars of work that was not finished.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            if (disposed) return;
            disposed = true;
            items.Clear();
            Draw(null);
        }

        timer.Dispose();
    }

    internal void Remove(ProgressItem item, string? summary)
    {
        lock (gate)
        {
            if (items.Remove(item)) Draw(summary);
        }
    }

    private void Tick()
    {
        lock (gate)
        {
            if (disposed || items.Count == 0) return;
            Draw(live ? null : string.Join("; ", items.Select(i => i.PlainLine())));
        }
    }

    /// <summary>Erases the bars, writes <paramref name="line"/> if there is one, and draws the bars again.</summary>
    private void Draw(string? line)
    {
        var text = new StringBuilder();
        if (drawn > 0) text.Append($"\u001b[{drawn}F\u001b[J");
        drawn = 0;
        if (line is not null) text.Append(line).Append('\n');
        if (live)
        {
            foreach (var item in items) text.Append(item.BarLine(width())).Append('\n');
            drawn = items.Count;
        }

        if (text.Length == 0) return;
        output.Write(text);
        output.Flush();
    }
}
