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

    public async ValueTask InitializeAsync() => _server = await ServerProcess.StartAsync(_forest,
        Enumerable.Range(0, Gates).Select(g => $"change:committed=hold:{_forest.At($"gate-{g}")}"));

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _forest.Dispose();
    }

    [Fact]
    public async Task Requests_that_decode()
    {
        var seeds = await Load.SeedsForAsync("beta", Whole, 20, 7);
        foreach (var (policy, isMet) in new (InFlight, Func<SwapReport, bool>)[]
        {
            (InFlight.Renormalise, s => s is { Renormalised: >= 4, Refilled: >= 2, Moved: >= 1, Ended: >= 1, Drained: 0, Aborted: 0 }),
            (InFlight.Drain, s => s is { Drained: >= 6, Renormalised: 0, Moved: 0, Aborted: 0 }),
            (InFlight.Abort, s => s is { Aborted: >= 6, Renormalised: 0, Moved: 0, Drained: 0 }),
        })
            await RepeatAsync(() => Load.EveryMode(_server, "beta", promptLength: 20, first: 250, tokens: 30, seeds), policy,
                load => load.DecodingAsync(), isMet);
    }

    [Fact]
    public async Task Requests_in_their_prompt()
    {
        foreach (var policy in new[] { InFlight.Renormalise, InFlight.Drain, InFlight.Abort })
            await RepeatAsync(() => Load.EveryMode(_server, "beta", promptLength: 480, first: 3, tokens: 3), policy,
                load => load.PromptingAsync(), s => s.Renormalised + s.Moved + s.Drained + s.Aborted > 0);
    }

    /// <summary>Removes and adds again until the removal met the requests where they were to be met: on a busy machine
    /// clients see late what the server did.</summary>
    private async Task RepeatAsync(Func<Load> start, InFlight policy, Func<Load, Task> ready, Func<SwapReport, bool> isMet)
    {
        var reports = new List<SwapReport>();
        do
        {
            Assert.True(reports.Count < 6, $"{policy}: {string.Join('\n', reports)}");
            reports.Add(await RemoveAsync(policy, start, ready));
            Assert.True(reports[^1].BytesReturned > 0);
            await AddAgainAsync();
        }
        while (!isMet(reports[^1]));
    }

    private async Task<SwapReport> RemoveAsync(InFlight policy, Func<Load> start, Func<Load, Task> ready)
    {
        var called = Stopwatch.GetTimestamp();
        var change = _server.RemoveAsync("beta", policy);
        await _server.ReachedAsync("change:committed", _gate);
        var load = start(); // the swap is all that is left to do
        await ready(load);
        Open();
        var result = await change;
        var returned = Stopwatch.GetTimestamp();
        await load.EndedAsync(8);
        await new Verdict
        {
            Before = Whole,
            After = Rest,
            Change = (called, returned),
            Policy = policy
        }.AssertAsync(await load.StopAsync());
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
