using Btx.V1;

namespace Btx.Server.Terminal;

/// <summary>Shows how far a change is: one bar for the phase under way on a terminal, one line for each phase that has ended everywhere.</summary>
/// <param name="live">Whether <paramref name="output"/> is a terminal that understands cursor movement.</param>
/// <param name="width">Columns of the terminal.</param>
internal sealed class ChangeDisplay(TextWriter output, bool live, int width, TimeProvider time) : IDisposable
{
    private const int BarWidth = 24;
    private ChangeProgress? _last;
    private long _since;

    /// <summary>A display on standard error, live if that is a terminal; on another writer plain.</summary>
    public static ChangeDisplay On(TextWriter output)
    {
        var live = ReferenceEquals(output, Console.Error) && !Console.IsErrorRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "dumb");
        return new(output, live, live ? Math.Max(40, Console.WindowWidth - 1) : 120, TimeProvider.System);
    }

    public void Report(ChangeProgress progress)
    {
        if (progress.Phase != _last?.Phase)
        {
            EndPhase();
            _since = time.GetTimestamp();
        }

        _last = progress;
        if (!live) return;
        output.Write($"\r{Bar(progress)}\u001b[K");
        output.Flush();
    }

    /// <summary>Takes the bar off and leaves the line of the last phase.</summary>
    public void Dispose() => EndPhase();

    private void EndPhase()
    {
        if (_last is null) return;
        var line = $"  {_last.Phase,-9} {Figures.Duration(time.GetElapsedTime(_since).TotalSeconds),8}  {_last.Message}";
        output.WriteLine(live ? $"\r{Cut(line)}\u001b[K" : line.TrimEnd());
        output.Flush();
        _last = null;
    }

    private string Bar(ChangeProgress progress)
    {
        var part = Math.Clamp(progress.Fraction, 0, 1);
        var filled = (int)(part * BarWidth);
        return Cut($"  {progress.Phase,-9} {new string('█', filled)}{new string('░', BarWidth - filled)} {Math.Floor(100 * part),3:F0} %  {progress.Message}");
    }

    private string Cut(string line) => line.Length <= width ? line : line[..width];
}
