using Btx.LoadTests.Load;
using Spectre.Console;

namespace Btx.LoadTests.Verbs;

/// <summary>How far a load is: a bar on a terminal, else a line every ten seconds; on standard error.</summary>
internal sealed class RunProgress : IProgress<LoadProgress>, IAsyncDisposable
{
    private const double Every = 10;
    private readonly LoadBounds _bounds;
    private readonly TaskCompletionSource _over = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Task? _shown;
    private volatile ProgressTask? _bar;
    private double _next = Every;

    public RunProgress(LoadBounds bounds)
    {
        _bounds = bounds;
        if (Console.IsErrorRedirected) return;
        var console = AnsiConsole.Create(new() { Out = new AnsiConsoleOutput(Console.Error) });
        _shown = console.Progress().AutoClear(true).Columns(new TaskDescriptionColumn { Alignment = Justify.Left }, new ProgressBarColumn(),
            new PercentageColumn(), new RemainingTimeColumn()).StartAsync(async context =>
        {
            _bar = context.AddTask("load");
            await _over.Task.ConfigureAwait(false);
        });
    }

    public void Report(LoadProgress value)
    {
        var text =
            $"{(value.Measuring ? "measuring" : "warm-up")}: {value.Seconds:0} s, {value.Sent} sent, {value.Ended} ended, {value.Failed} "
            + $"failed, {value.Tokens} tokens";
        if (_bar is { } bar)
        {
            bar.Description = Markup.Escape(text);
            bar.IsIndeterminate = _bounds is { Seconds: null, Requests: null };
            bar.Value = 100 * Done(value);
        }
        else if (_shown is null && value.Seconds >= _next)
        {
            _next = value.Seconds + Every;
            Console.Error.WriteLine(text);
        }
    }

    public async ValueTask DisposeAsync()
    {
        _over.TrySetResult();
        if (_shown is not null) await _shown.ConfigureAwait(false);
    }

    private double Done(LoadProgress value) => Math.Clamp(
        Math.Max(
            _bounds.Seconds is { } seconds ? value.Seconds / (_bounds.WarmUpSeconds + seconds) : 0,
            _bounds.Requests is { } requests && value.Measuring ? value.Ended / (double)(_bounds.WarmUpRequests + requests) : 0),
        0, 1);
}
