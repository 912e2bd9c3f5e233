using System.Runtime.InteropServices;

namespace Btx.Trainer.Runs;

/// <summary>Runs the command of a stage: here, on a cluster, or in a test.</summary>
public interface IStageRunner
{
    /// <param name="say">Receives each line that the command prints, and whether it came from standard error.</param>
    /// <param name="cancellation">Asks the command to stop; the task ends when it has stopped.</param>
    /// <returns>Null when it succeeded, else why not, in one line.</returns>
    Task<string?> RunAsync(Stage stage, Action<string, bool> say, CancellationToken cancellation);
}

/// <summary>How a stage ended.</summary>
/// <param name="Failure">Null: it is done.</param>
/// <param name="Began">Since the run began; null: it did not run, as it was finished earlier or as something before it failed.</param>
public sealed record StageResult(string? Failure, TimeSpan? Began, TimeSpan Ended)
{
    public bool Earlier => Failure is null && Began is null;
}

/// <summary>Runs the stages of a graph that are not finished, in their order, as lanes have room and what is before them is done.</summary>
public sealed class GraphRun(RunGraph graph, IStageRunner runner)
{
    private readonly long start = TimeProvider.System.GetTimestamp();
    private readonly Dictionary<string, StageResult> results = new(StringComparer.Ordinal);
    private readonly List<Work> running = [];

    public Action<Stage> Started { get; init; } = _ => { };

    /// <summary>Receives the lines of all stages; called by several threads.</summary>
    public Action<Stage, string, bool> Said { get; init; } = (_, _, _) => { };
    public Action<Stage, StageResult> Ended { get; init; } = (_, _) => { };

    /// <param name="keepGoing">Whether stages go on that do not come after a failed one; else the first failure stops all.</param>
    /// <returns>By name of the stage.</returns>
    /// <exception cref="OperationCanceledException">Stopped, when the commands under way have ended; the same graph goes on.</exception>
    public async Task<IReadOnlyDictionary<string, StageResult>> RunAsync(bool keepGoing, CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var isHungUp = false;
        using var hangUp = PosixSignalRegistration.Create(PosixSignal.SIGHUP, signal =>
        {
            signal.Cancel = isHungUp = true; // a closed terminal stops the commands, too: they would go on without it
            stop.Cancel();
        });
        var waiting = graph.Stages.ToList();
        foreach (var stage in graph.Stages.Where(graph.IsFinished)) End(stage, null);
        while (true)
        {
            waiting.RemoveAll(s => results.ContainsKey(s.Name));
            foreach (var stage in waiting)
            {
                if (stop.IsCancellationRequested) End(stage, "stopped");
                else if (stage.After.FirstOrDefault(a => results.GetValueOrDefault(a)?.Failure is not null) is { } failed)
                    End(stage, $"{failed} failed");
                else if (stage.After.All(IsReady) && running.Count(w => w.Stage.Lane == stage.Lane) < stage.Lane.AtOnce)
                    Start(stage, stop.Token);
            }

            waiting.RemoveAll(s => results.ContainsKey(s.Name) || running.Exists(w => w.Stage == s));
            foreach (var service in running.Where(w => w.Stage.ReadyLine is not null && AllAfter(w.Stage).All(results.ContainsKey)))
                await service.Stop.CancelAsync().ConfigureAwait(false);
            if (running.Count == 0 && waiting.Count == 0) break;
            await Task.WhenAny(running.SelectMany(w => w.IsReady ? (Task[])[w.Task] : [w.Task, w.Ready.Task])).ConfigureAwait(false);
            foreach (var work in running.Where(w => w.Task.IsCompleted).ToArray())
            {
                running.Remove(work);
                var failure = await work.Task.ConfigureAwait(false);
                work.Stop.Dispose();
                if (failure is null) graph.SetFinished(work.Stage);
                End(work.Stage, failure, work.Began);
                if (failure is not null && !keepGoing) await stop.CancelAsync().ConfigureAwait(false);
            }
        }

        cancellation.ThrowIfCancellationRequested();
        if (isHungUp) throw new OperationCanceledException();
        return results;
    }

    private IEnumerable<string> AllAfter(Stage service) => graph.Stages.Where(s => s.After.Contains(service.Name)).Select(s => s.Name);

    private bool IsReady(string name) => results.ContainsKey(name) || running.Exists(w => w.Stage.Name == name && w.IsReady);

    private TimeSpan Now => TimeProvider.System.GetElapsedTime(start);

    private void Start(Stage stage, CancellationToken stop)
    {
        Started(stage);
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var own = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var task = runner.RunAsync(stage, (line, isError) =>
        {
            Said(stage, line, isError);
            if (stage.ReadyLine is { } text && line.Contains(text, StringComparison.Ordinal)) ready.TrySetResult();
        }, own.Token);
        running.Add(new(stage, task, ready, own, Now));
    }

    private void End(Stage stage, string? failure, TimeSpan? began = null) =>
        Ended(stage, results[stage.Name] = new StageResult(failure, began, Now));

    private sealed record Work(Stage Stage, Task<string?> Task, TaskCompletionSource Ready, CancellationTokenSource Stop, TimeSpan Began)
    {
        public bool IsReady => Ready.Task.IsCompleted;
    }
}
