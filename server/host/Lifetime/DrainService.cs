using Btx.Engine;
using Btx.Server.Changes;

namespace Btx.Server.Lifetime;

/// <summary>
/// Graceful shutdown, before the doors close: health turns to not serving; a change of the forest is given up, or brought to its end if it
/// is committed; the engine admits nothing more, running requests get <paramref name="limit"/> in all to finish, the rest is cancelled.
/// </summary>
internal sealed class DrainService(IForestEngine engine, ForestChanges changes, ServingState state, IHostApplicationLifetime lifetime,
    TimeSpan limit, TimeProvider time) : IHostedLifecycleService
{
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        state.Stop();
        lifetime.StopApplication(); // whoever watches health hears of it now, not after the doors have closed
        using var deadline = new CancellationTokenSource(limit, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        await changes.StopAsync(either.Token).ConfigureAwait(false);
        await engine.DrainAsync(either.Token).ConfigureAwait(false);
    }

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
