using Btx.Engine;

namespace Btx.Server.Lifetime;

/// <summary>Whether the server takes requests, and if not, why: what health says on both doors.</summary>
internal sealed partial class ServingState(IForestEngine engine, ILogger<ServingState> log)
{
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _lastProblem;

    public bool IsServing => !IsStopping && Problem is null;

    public bool IsStopping => _stopping.Task.IsCompleted;

    /// <summary>Why the engine answers nobody; null while it works. Each fault is logged once.</summary>
    public string? Problem
    {
        get
        {
            var problem = engine.Problem;
            if (Interlocked.Exchange(ref _lastProblem, problem) != problem && problem is not null) LogProblem(log, problem);
            return problem;
        }
    }

    /// <summary>Completes when the shutdown begins.</summary>
    public Task Stopping => _stopping.Task;

    public void Stop() => _stopping.TrySetResult();

    [LoggerMessage(Level = LogLevel.Critical, Message = "health fails: {Problem}")]
    private static partial void LogProblem(ILogger logger, string problem);
}
