using Btx.LoadTests.Sweeps;
using Spectre.Console;

namespace Btx.LoadTests.Verbs;

/// <summary>A line for everything that was done: where nobody watches.</summary>
internal sealed class SweepLines(TextWriter output) : ISweepReport
{
    public void Line(string line) => output.WriteLine(line);

    public void Measuring(string what, int done, int total)
    {
        // The line that follows says what was measured.
    }
}

/// <summary>The same lines, above a bar that moves: on a terminal.</summary>
internal sealed class SweepBar(ProgressTask bar) : ISweepReport
{
    public void Line(string line) => AnsiConsole.WriteLine(line);

    public void Measuring(string what, int done, int total) =>
        (bar.Description, bar.MaxValue, bar.Value) = (Markup.Escape(what), Math.Max(1, total), done);

    /// <summary>Runs <paramref name="work"/> with such a display on a terminal, with plain lines elsewhere.</summary>
    public static async Task<T> WatchAsync<T>(TextWriter output, Func<ISweepReport, Task<T>> work)
    {
        if (output != Console.Out || Console.IsOutputRedirected) return await work(new SweepLines(output)).ConfigureAwait(false);
        return await AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
            new SpinnerColumn(Spinner.Known.Line))
            .StartAsync(context => work(new SweepBar(context.AddTask("starting")))).ConfigureAwait(false);
    }
}
