using System.Runtime.InteropServices;

namespace Btx.Server.Lifetime;

/// <summary>Graceful shutdown, before the listeners close: health turns to not serving, changes and running requests get
/// <paramref name="limit"/> in all to finish, the rest is cancelled.</summary>
/// <param name="changes">Asked for once a forest is loaded.</param>
internal sealed class DrainService(ServedForest served, Func<ForestChanges> changes, IHostApplicationLifetime lifetime, TimeSpan limit,
    TimeProvider time) : IHostedLifecycleService
{
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        lifetime.StopApplication(); // health turns now, and whoever watches it is told, not after the listeners have closed
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        if (served.Now is not { Engine: var engine }) return;
        await changes().StopAsync(either.Token);
        await engine.DrainAsync(either.Token);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>A shutdown ends, whatever hangs: a thread of its own ends the process <see cref="Grace"/> after the limit.</summary>
internal sealed partial class HardEnd : IDisposable
{
    /// <summary>What closing the listeners and freeing the models may take after the limit.</summary>
    public static readonly TimeSpan Grace = TimeSpan.FromSeconds(10);

    private readonly ManualResetEventSlim _begun = new(), _ended = new();

    /// <param name="limit">As of <see cref="ServerOptions.ShutdownLimit"/>.</param>
    public HardEnd(TimeSpan limit) => new Thread(() => Watch(limit + Grace)) { IsBackground = true, Name = "btx-hard-end" }.Start();

    /// <summary>The shutdown begins now. Idempotent.</summary>
    public void Begin() => _begun.Set();

    /// <summary>The shutdown has ended by itself.</summary>
    public void Dispose()
    {
        _ended.Set();
        _begun.Set();
    }

    private void Watch(TimeSpan time)
    {
        _begun.Wait();
        if (_ended.Wait(time)) return;
        var message = $"error: the shutdown has not ended after {time.TotalSeconds:0.#} s, --shutdown-limit and {Grace.TotalSeconds:0} s; "
            + "ending the process (the forest's journal is whole; the next start goes on from it)";
        var say = new Thread(() => Console.Error.WriteLine(message)) { IsBackground = true };
        say.Start();
        say.Join(TimeSpan.FromSeconds(1)); // nobody may read it
        Exit(1);
    }

    // Runs nothing at exit: what hangs may hold what that would wait for.
    [LibraryImport("libc", EntryPoint = "_exit")]
    private static partial void Exit(int code);
}
