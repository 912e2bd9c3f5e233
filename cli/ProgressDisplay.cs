using Spectre.Console;
using Spectre.Console.Rendering;

namespace Btx.Cli;

/// <summary>The progress of long work: bars on a terminal, elsewhere a plain line every few seconds. Lines that stay are written with
/// <see cref="WriteLine"/>. Thread-safe; dispose it when the work ends, however it ends.</summary>
public sealed class ProgressDisplay : IDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private readonly List<ProgressItem> _items = [];
    private readonly TextWriter _progress;
    private readonly TextWriter _output;
    private readonly TimeProvider _time;
    private readonly IAnsiConsole? _terminal;
    private readonly TaskCompletionSource<ProgressContext> _bars = new();
    private readonly TaskCompletionSource _over = new();
    private readonly Task? _drawing;
    private readonly ITimer? _timer;

    /// <param name="progress">Where progress goes (standard error).</param>
    /// <param name="output">Where lines that stay go (standard output).</param>
    public ProgressDisplay(TextWriter? progress = null, TextWriter? output = null)
        : this(progress ?? Console.Error, output ?? Console.Out, TimeProvider.System,
            AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(progress ?? Console.Error) }))
    {
    }

    internal ProgressDisplay(TextWriter progress, TextWriter output, TimeProvider time, IAnsiConsole? terminal)
    {
        (_progress, _output, _time) = (progress, output, time);
        if (terminal is not { Profile: { Out.IsTerminal: true, Capabilities: { Ansi: true, Interactive: true } } })
        {
            _timer = time.CreateTimer(_ => Tell(), null, s_interval, s_interval);
            return;
        }

        _terminal = terminal;
        _drawing = Task.Run(() => terminal.Progress().AutoClear(true).ExcludeVerticalPadding().Columns(new BarColumn()).StartAsync(bars =>
        {
            _bars.SetResult(bars);
            return _over.Task;
        }));
    }

    /// <summary>Shows a piece of work.</summary>
    /// <param name="name">What is being done.</param>
    /// <param name="total">Units in all; 0 if unknown.</param>
    /// <param name="unit">Plural noun such as <c>tokens</c>; <c>bytes</c> is scaled to kB, MB, GB. Null: only the share is shown.</param>
    /// <param name="alreadyDone">Units done by an earlier run: they count as done but not towards the rate.</param>
    public ProgressItem Start(string name, double total, string? unit, double alreadyDone = 0)
    {
        var bar = _terminal is null ? null : _bars.Task.Result.AddTask("work");
        var item = new ProgressItem(this, _time, name, total, unit, alreadyDone, bar);
        lock (_gate) _items.Add(item);
        return item;
    }

    /// <summary>Writes a line that stays, above the bars.</summary>
    public void WriteLine(string line)
    {
        // Both streams may be the same terminal, and the bars are on it.
        if (_terminal is not null && (_output == _progress || !Console.IsOutputRedirected)) _terminal.WriteLine(line);
        else Write(_output, line);
    }

    /// <summary>Ends the display and removes the bars of work that was not finished.</summary>
    public void Dispose()
    {
        _timer?.Dispose();
        lock (_gate) _items.Clear();
        _over.TrySetResult();
        _drawing?.Wait();
    }

    internal void Remove(ProgressItem item, ProgressTask? bar, string? line)
    {
        bool there;
        lock (_gate) there = _items.Remove(item);
        if (!there) return;
        if (bar is not null)
        {
            _bars.Task.Result.RemoveTask(bar);
            _bars.Task.Result.Refresh();
        }

        if (line is not null) WriteLine(line);
    }

    private void Tell()
    {
        string line;
        lock (_gate) line = string.Join("; ", _items);
        if (line.Length > 0) Write(_progress, line);
    }

    private void Write(TextWriter writer, string line)
    {
        lock (_gate)
        {
            writer.WriteLine(line);
            writer.Flush();
        }
    }

    private sealed class BarColumn : ProgressColumn
    {
        protected override bool NoWrap => true;

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime)
        {
            var line = (task.Tag as ProgressItem)?.Bar() ?? "";
            var width = Math.Max(20, options.ConsoleSize.Width - 1);
            return new Text(line.Length <= width ? line : line[..(width - 1)] + "…");
        }
    }
}

/// <summary>One piece of work shown by a <see cref="ProgressDisplay"/>: report to it from any thread, as often as you like.</summary>
public sealed class ProgressItem
{
    private const double RateSeconds = 10;
    private const int BarWidth = 24;
    private readonly Lock _gate = new();
    private readonly ProgressDisplay _display;
    private readonly TimeProvider _time;
    private readonly string _name;
    private readonly string? _unit;
    private readonly ProgressTask? _bar;
    private double _total;
    private double _done;
    private string _note = "";
    private double? _rate;
    private double _rateDone;
    private long _rateTime;

    internal ProgressItem(
        ProgressDisplay display, TimeProvider time, string name, double total, string? unit, double alreadyDone, ProgressTask? bar)
    {
        (_display, _time, _name, _total, _unit, _bar) = (display, time, name, total, unit, bar);
        (_done, _rateDone, _rateTime) = (alreadyDone, alreadyDone, time.GetTimestamp());
        if (bar is not null) bar.Tag = this;
    }

    /// <summary>Sets how much is done, in units.</summary>
    /// <param name="note">Such as <c>loss 3.214</c>; null: as it was.</param>
    /// <param name="total">Corrects an estimate; null: as it was.</param>
    public void Report(double done, string? note = null, double? total = null)
    {
        lock (_gate) (_done, _note, _total) = (done, note ?? _note, total ?? _total);
    }

    /// <inheritdoc cref="ProgressDisplay.WriteLine"/>
    public void WriteLine(string line) => _display.WriteLine(line);

    /// <summary>Takes the item off the display; <paramref name="line"/> stays in its place.</summary>
    public void Finish(string? line = null) => _display.Remove(this, _bar, line);

    /// <summary><c>seed: 62 % (372 k of 600 k tokens, 8.1 k tokens/s, 0:28 left), loss 3.214</c>.</summary>
    public override string ToString() => $"{_name}: {Figures()}";

    internal string Bar()
    {
        var filled = _total > 0 ? (int)(Math.Clamp(_done / _total, 0, 1) * BarWidth) : 0;
        return $"{_name,-14} {new string('█', filled)}{new string('░', BarWidth - filled)} {Figures()}";
    }

    private string Figures()
    {
        lock (_gate)
        {
            Measure();
            List<string> figures = [];
            var left = _total - _done;
            if (_unit is not null && _total > 0)
                figures.Add($"{Quantity.Short(_done)} of {Quantity.WithUnit(Math.Max(_total, _done), _unit)}");
            else if (_unit is not null) figures.Add(Quantity.WithUnit(_done, _unit));
            if (_unit is not null && _rate > 0) figures.Add($"{Quantity.WithUnit(_rate.Value, _unit)}/s");
            if (_rate > 0 && left > 0) figures.Add($"{Quantity.Clock(TimeSpan.FromSeconds(Math.Min(left / _rate.Value, 1e8)))} left");
            var share = $"{Math.Min(100, Math.Floor(100 * _done / _total)):F0} %";
            var text = string.Join(", ", figures);
            if (_total > 0) text = text.Length > 0 ? $"{share} ({text})" : share;
            return text.Length == 0 ? _note : _note.Length == 0 ? text : $"{text}, {_note}";
        }
    }

    /// <summary>Moves the rate, an exponential mean over about ten seconds, on to now.</summary>
    private void Measure()
    {
        var seconds = _time.GetElapsedTime(_rateTime).TotalSeconds;
        if (seconds < 0.5) return;
        var now = (_done - _rateDone) / seconds;
        _rate = _rate is null ? now : _rate + ((1 - Math.Exp(-seconds / RateSeconds)) * (now - _rate));
        (_rateDone, _rateTime) = (_done, _time.GetTimestamp());
    }
}

/// <summary>Hands each report on in the thread that makes it, in order.</summary>
public sealed class DirectProgress<T>(Action<T> report) : IProgress<T>
{
    public void Report(T value) => report(value);
}
