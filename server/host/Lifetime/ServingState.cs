namespace Btx.Server.Lifetime;

/// <summary>Whether the server takes requests; health reports it on both doors.</summary>
internal sealed class ServingState
{
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsServing => !_stopping.Task.IsCompleted;

    /// <summary>Completes when the shutdown begins.</summary>
    public Task Stopping => _stopping.Task;

    public void Stop() => _stopping.TrySetResult();
}
