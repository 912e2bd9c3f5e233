using System.Diagnostics;
using Spectre.Console;

namespace Btx.Exporter.Verbs;

/// <summary>Shows an export's progress: a bar on a terminal, plain lines elsewhere.</summary>
internal static class ExportDisplay
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(2);

    public static T Watch<T>(Func<IProgress<ExportProgress>, T> export)
    {
        if (Console.IsOutputRedirected) return export(new Lines());
        return AnsiConsole.Progress()
            .AutoClear(true)
            .Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(), new PercentageColumn(),
            new RemainingTimeColumn())
            .Start(context => export(new Bar(context.AddTask("export"))));
    }

    private sealed class Bar(ProgressTask task) : IProgress<ExportProgress>
    {
        public void Report(ExportProgress value)
        {
            task.MaxValue = value.Total;
            task.Value = value.Done;
            task.Description = Markup.Escape(value.Doing);
        }
    }

    private sealed class Lines : IProgress<ExportProgress>
    {
        private readonly Stopwatch since = Stopwatch.StartNew();
        private bool shown;

        public void Report(ExportProgress value)
        {
            if (shown && since.Elapsed < Interval) return;
            shown = true;
            since.Restart();
            Console.WriteLine($"export {value.Done}/{value.Total}: {value.Doing}");
        }
    }
}
