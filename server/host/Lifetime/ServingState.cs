using Btx.Engine;

namespace Btx.Server.Lifetime;

/// <summary>Whether the server takes requests, and if not, why: what health says on both doors.</summary>
internal sealed partial class ServingState(IForestEngine engine, ILogger<ServingState> log)
{
    private readonly TaskCompletionSource _stopping = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _lastFault;

    public bool IsServing => !IsStopping && Fault is null;

    public bool IsStopping => _stopping.Task.IsCompleted;

    /// <summary>Why the engine answers nobody; null while it works. Each fault is logged once.</summary>
    public string? Fault
    {
        get
        {
            var fault = engine.Fault;
            if (Interlocked.Exchange(ref _lastFault, fault) != fault && fault is not null) LogFault(log, fault);
            return fault;
        }
    }

    /// <summary>Completes when the shutdown begins.</summary>
    public Task Stopping => _stopping.Task;

    public void Stop() => _stopping.TrySetResult();

    [LoggerMessage(Level = LogLevel.Critical, Message = "health fails: {Fault}")]
    private static partial void LogFault(ILogger logger, string fault);
}
