namespace Btx.Engine.Tests.Fixtures;

/// <summary>Does something once inside the loop, after the first step that a condition holds for. Holds the loop until <see cref="Go"/>, so
/// that all requests can arrive.</summary>
internal sealed class StepTrigger : IEngineObserver
{
    private readonly ManualResetEventSlim go = new();
    private Func<StepReport, bool>? condition;
    private Action? action;

    public Task<T> When<T>(Func<StepReport, bool> holds, Func<Task<T>> act)
    {
        var done = new TaskCompletionSource<Task<T>>(TaskCreationOptions.RunContinuationsAsynchronously);
        action = () => done.SetResult(act());
        condition = holds;
        return done.Task.Unwrap();
    }

    public void Go() => go.Set();

    public void OnStep(in StepReport report)
    {
        if (condition is null) return;
        go.Wait();
        if (!condition(report)) return;
        condition = null;
        action!();
    }

    public void OnIdle()
    {
    }

    public void OnRequestEnd(in RequestReport report)
    {
    }
}
