using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>Shows how far a change is: one bar for the phase under way on a terminal, one line for
/// each phase that has ended everywhere.</summary>
/// <param name="live">Whether <paramref name="output"/> is a terminal that understands cursor movement.</param>
/// <param name="width">Columns of the terminal.</param>
internal sealed class ChangeDisplay(TextWriter output, bool live, int width, TimeProvider time) : IDisposable
{
    private const int BarWidth = 24;
    private readonly long _asked = time.GetTimestamp();
    private ChangeProgress? _last;
    private double _began; // of the phase, by the server's clock
    private long _arrived;

    /// <summary>A display on standard error, live if that is a terminal; on another writer plain.</summary>
    public static ChangeDisplay On(TextWriter output)
    {
        var live = ReferenceEquals(output, Console.Error) && !Console.IsErrorRedirected
            && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        return new(output, live, live ? Math.Max(40, Console.WindowWidth - 1) : 120, TimeProvider.System);
    }

    public void Report(ChangeProgress progress)
    {
        if (progress.Phase != _last?.Phase)
        {
            EndPhase(progress.Seconds > 0 ? progress.Seconds - _began : Elapsed); // a server of an earlier version tells none
            (_began, _arrived) = (progress.Seconds, time.GetTimestamp());
        }

        _last = progress;
        if (!live) return;
        output.Write($"\r{Bar(progress)}\u001b[K");
        output.Flush();
    }

    /// <summary>Says that nothing was heard for a while.</summary>
    public void Wait()
    {
        var since = $"still waiting, {Figures.Duration(Elapsed)}";
        var line = _last is null ? $"  {since}: the server has not answered yet" : $"  {_last.Phase,-9} {since}: {_last.Message}";
        if (live) output.Write($"\r{Cut(line)}\u001b[K");
        else output.WriteLine(line);
        output.Flush();
    }

    /// <summary>Takes the bar off and leaves the line of the last phase.</summary>
    public void Dispose() => EndPhase(Elapsed);

    private double Elapsed => time.GetElapsedTime(_last is null ? _asked : _arrived).TotalSeconds;

    private void EndPhase(double seconds)
    {
        if (_last is null) return;
        var line = $"  {_last.Phase,-9} {Figures.Duration(seconds),8}  {_last.Message}";
        output.WriteLine(live ? $"\r{Cut(line)}\u001b[K" : line.TrimEnd());
        output.Flush();
        _last = null;
    }

    private string Bar(ChangeProgress progress)
    {
        var part = Math.Clamp(progress.Fraction, 0, 1);
        var filled = (int)(part * BarWidth);
        return Cut($"  {progress.Phase,-9} {new string('█', filled)}{new string('░', BarWidth - filled)} "
            + $"{Math.Floor(100 * part),3:F0} %  {progress.Message}");
    }

    private string Cut(string line) => line.Length <= width ? line : line[..width];
}
