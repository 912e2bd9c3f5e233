using System.Diagnostics;
using Btx.V1;

namespace Btx.Server.Tests.Chaos;

/// <summary>An expert leaves and comes back while every mode is in use.</summary>
public sealed class RemovalUnderLoadTests : IAsyncLifetime
{
    private const int Gates = 40;
    private static readonly string[] Whole = ["alpha", "beta", "gamma"], Rest = ["alpha", "gamma"];
    private readonly ChaosForest _forest = new(Whole);
    private ServerProcess _server = null!;
    private int _gate;

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(_forest, Enumerable.Range(0, Gates).Select(g => $"change:committed=hold:{_forest.At($"gate-{g}")}"));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _forest.Dispose();
    }

    [Fact]
    public async Task Requests_that_decode()
    {
        var seeds = await Load.SeedsForAsync("beta", Whole, 20, 7);
        foreach (var policy in new[] { InFlight.Renormalise, InFlight.Drain, InFlight.Abort })
        {
            var load = Load.EveryMode(_server, "beta", promptLength: 20, first: 400, tokens: 30, seeds);
            var swap = await RemoveAsync(policy, load, load.DecodingAsync);
            if (policy == InFlight.Renormalise) Assert.True(swap is { Renormalised: >= 4, Refilled: >= 2, Moved: >= 1, Ended: >= 1, Drained: 0, Aborted: 0 }, swap.ToString());
            if (policy == InFlight.Drain) Assert.True(swap is { Drained: >= 6, Renormalised: 0, Moved: 0, Aborted: 0 }, swap.ToString());
            if (policy == InFlight.Abort) Assert.True(swap is { Aborted: >= 6, Renormalised: 0, Moved: 0, Drained: 0 }, swap.ToString());
            Assert.True(swap.BytesReturned > 0);
            await AddAgainAsync();
        }
    }

    [Fact]
    public async Task Requests_in_their_prompt()
    {
        foreach (var policy in new[] { InFlight.Renormalise, InFlight.Drain, InFlight.Abort })
        {
            var met = 0;
            for (var again = 0; met == 0 && again < 5; again++) // on a busy machine all clients may be between two requests
            {
                var load = Load.EveryMode(_server, "beta", promptLength: 800, first: 3, tokens: 3);
                var swap = await RemoveAsync(policy, load, () => load.PromptingAsync());
                met = swap.Renormalised + swap.Moved + swap.Drained + swap.Aborted + swap.Ended;
                await AddAgainAsync();
            }

            Assert.True(met > 0, $"{policy}: no request was met in its prompt");
        }
    }

    private async Task<SwapReport> RemoveAsync(InFlight policy, Load load, Func<Task> ready)
    {
        var called = Stopwatch.GetTimestamp();
        var change = _server.RemoveAsync("beta", policy);
        await _server.ReachedAsync("change:committed", _gate);
        await ready();
        Open();
        var result = await change;
        var returned = Stopwatch.GetTimestamp();
        await load.EndedAsync(8);
        await new Verdict { Before = Whole, After = Rest, Change = (called, returned), Policy = policy }.AssertAsync(await load.StopAsync());
        Assert.Equal(result.Change.StateAfterSha256, await StateCheck.ServesAsync(_server, _forest, Rest));
        return result.Swap;
    }

    private async Task AddAgainAsync()
    {
        var load = Load.EveryMode(_server, null);
        await load.EndedAsync(2);
        var called = Stopwatch.GetTimestamp();
        Open();
        var result = await _server.AddAsync("beta", Path.Combine(_forest.Source, "experts/beta"));
        var returned = Stopwatch.GetTimestamp();
        await load.EndedAsync(4);
        await new Verdict { Before = Rest, After = Whole, Change = (called, returned) }.AssertAsync(await load.StopAsync());
        Assert.Equal(result.Change.StateAfterSha256, await StateCheck.ServesAsync(_server, _forest, Whole));
    }

    private void Open() => File.WriteAllText(_forest.At($"gate-{_gate++}"), "");
}
