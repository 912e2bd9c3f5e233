using Btx.LoadTests.Clients;
using Btx.LoadTests.Load;
using Btx.LoadTests.Records;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Load;

public sealed class LoadRunTests
{
    private static readonly CancellationToken s_never = CancellationToken.None;

    [Fact]
    public async Task A_closed_loop_keeps_its_concurrency_and_ends_at_the_count()
    {
        var client = new FakeClient(async (request, arrivals, cancellation) =>
        {
            await Task.Delay(1, cancellation);
            arrivals.Token(request.MaxTokens);
            return FakeClient.Ok(request);
        });
        var outcome = await Plans.Run(client, Plans.Of("closed:3"), new() { Requests = 40, WarmUpRequests = 5 }).RunAsync(s_never);
        Assert.Equal(3, client.MostAtOnce);
        Assert.Equal(Enumerable.Range(0, 45), outcome.Records.Select(r => r.Index).Order());
        Assert.Equal([0, 1, 2, 3, 4], outcome.Records.Where(r => r.WarmUp).Select(r => r.Index).Order());
        var summary = outcome.Summarise();
        Assert.Equal((40, 0, 160L), (summary.Requests, summary.Failed, summary.CompletionTokens));
        Assert.Equal(outcome.Records.Where(r => !r.WarmUp).Min(r => r.Due), outcome.From);
        Assert.Equal(outcome.Records.Max(r => r.End), outcome.To);
        Assert.All(outcome.Records, r => Assert.True(r.Due <= r.Sent && r.Sent <= r.FirstToken && r.FirstToken <= r.End));
        Assert.All(outcome.Records, r => Assert.Equal(r.CompletionTokens - 1, r.Gaps.Length));
    }

    /// <summary>One connection, and a server that stalls on its first request: those due meanwhile could
    /// not be sent, and their latency says so.</summary>
    [Fact]
    public async Task A_stall_counts_for_the_requests_that_it_held_up()
    {
        var calls = 0;
        var client = new FakeClient(async (request, arrivals, cancellation) =>
        {
            if (Interlocked.Increment(ref calls) == 1) await Task.Delay(300, cancellation);
            arrivals.Token(request.MaxTokens);
            return FakeClient.Ok(request);
        });
        var outcome = await Plans.Run(client, Plans.Of("bursts:0,1,0.01"), new() { Requests = 20, MaxInFlight = 1 }).RunAsync(s_never);
        var stalled = outcome.Records.Single(r => r.Index == 0);
        Assert.True(stalled.End > 0.2, "the stall was to outlast the arrivals");
        foreach (var held in outcome.Records.Where(r => r.Index > 0 && r.Due < stalled.End))
            Assert.True(held.Sent >= stalled.End && held.End - held.Due >= stalled.End - held.Due, $"request {held.Index}");
        var summary = outcome.Summarise();
        // They were due every 10 ms, so half of them waited for the stall less 110 ms at least. What
        // is counted from sent on hides just these waits.
        Assert.True(summary.EndToEnd!.P50.Value >= stalled.End - 0.11);
        Assert.Equal(outcome.Records.Select(r => r.End!.Value - r.Due).Average(), summary.EndToEnd.Mean, 1e-9);
        Assert.Equal(outcome.Records.Sum(r => r.Sent - r.Due), 20 * (summary.EndToEnd.Mean - summary.EndToEndFromSent!.Mean), 1e-9);
    }

    [Fact]
    public async Task An_open_loop_sends_when_due_and_does_not_wait_for_answers()
    {
        var release = new TaskCompletionSource();
        var started = 0;
        var client = new FakeClient(async (request, arrivals, _) =>
        {
            if (Interlocked.Increment(ref started) == 30) release.SetResult(); // no answer before all were sent
            await release.Task;
            arrivals.Token(request.MaxTokens);
            return FakeClient.Ok(request);
        });
        var plan = Plans.Of("poisson:2000");
        var outcome = await Plans.Run(client, plan, new() { Requests = 30 }).RunAsync(s_never);
        Assert.Equal(30, client.MostAtOnce);
        Assert.Equal(plan.Requests().Take(30).Select(r => r.Due!.Value), outcome.Records.OrderBy(r => r.Index).Select(r => r.Due));
        Assert.All(outcome.Records, r => Assert.True(r.Sent >= r.Due));
    }

    [Fact]
    public async Task A_duration_bounds_what_is_due_and_measures_exactly_that_time()
    {
        var plan = Plans.Of("poisson:400");
        var outcome = await Plans.Run(new FakeClient(), plan, new() { WarmUpSeconds = 0.1, Seconds = 0.3 }).RunAsync(s_never);
        Assert.Equal((0.1, 0.1 + 0.3), (outcome.From, outcome.To));
        var due = plan.Requests().TakeWhile(r => r.Due < 0.4).ToArray();
        Assert.Equal(due.Select(r => r.Index), outcome.Records.Select(r => r.Index).Order());
        Assert.Equal(due.Count(r => r.Due >= 0.1), outcome.Summarise().Requests);
    }

    [Fact]
    public async Task An_overload_is_cut_off_and_what_was_measured_is_kept()
    {
        var client = new FakeClient(async (request, arrivals, cancellation) =>
        {
            await Task.Delay(30, cancellation);
            arrivals.Token(request.MaxTokens);
            return FakeClient.Ok(request);
        });
        var outcome = await Plans.Run(client, Plans.Of("poisson:20000"), new() { Seconds = 0.1, MaxInFlight = 1, LateSeconds = 0.1 })
            .RunAsync(s_never);
        Assert.Contains("0.1 s after the measured time, requests due in it were not sent yet", outcome.GivenUp);
        Assert.Equal((0, 0.1), (outcome.From, outcome.To));
        Assert.InRange(outcome.Records.Count, 1, 1000); // of 2000; all of them take a minute
    }

    [Fact]
    public async Task A_full_disk_takes_no_figures_away()
    {
        var file = new RecordFile("/dev/full");
        LoadOutcome outcome;
        await using (file)
            outcome = await (Plans.Run(new FakeClient(), Plans.Of("closed:4"), new() { Requests = 50 }) with { File = file })
            .RunAsync(s_never);
        Assert.Equal(50, outcome.Summarise().Requests);
        Assert.Contains("/dev/full cannot be written any further", file.Problem);
    }

    [Fact]
    public async Task A_stop_keeps_what_was_measured_and_leaves_out_what_was_under_way()
    {
        using var stop = new CancellationTokenSource();
        var calls = 0;
        var client = new FakeClient(async (request, arrivals, cancellation) =>
        {
            if (Interlocked.Increment(ref calls) > 10)
            {
                await stop.CancelAsync();
                await Task.Delay(Timeout.Infinite, cancellation);
            }

            arrivals.Token(request.MaxTokens);
            return FakeClient.Ok(request);
        });
        var outcome = await Plans.Run(client, Plans.Of("closed:1"), new() { Seconds = 3600 }).RunAsync(stop.Token);
        Assert.True(outcome.Stopped);
        Assert.Equal(10, outcome.Summarise().Requests);
        Assert.Equal(outcome.Records.Max(r => r.End), outcome.To);
    }

    [Fact]
    public async Task A_server_that_goes_away_ends_the_load_and_the_records_stay()
    {
        var calls = 0;
        var client = new FakeClient((request, arrivals, _) =>
        {
            if (Interlocked.Increment(ref calls) > 10)
                return Task.FromResult(new Answer(Answer.Unreachable) { Error = "connection refused" });
            arrivals.Token(request.MaxTokens);
            return Task.FromResult(FakeClient.Ok(request));
        });
        var outcome = await Plans.Run(client, Plans.Of("closed:1"), new() { Seconds = 3600 }).RunAsync(s_never);
        Assert.Contains("went away", outcome.GivenUp);
        var summary = outcome.Summarise();
        Assert.Equal(10, summary.Statuses["ok"]);
        Assert.Equal(20, summary.Statuses["unreachable"]);
        Assert.False(outcome.Stopped);
    }

    [Fact]
    public async Task A_request_without_an_end_is_given_up()
    {
        var client = new FakeClient(async (_, _, cancellation) =>
        {
            await Task.Delay(Timeout.Infinite, cancellation);
            throw new InvalidOperationException("not reached");
        });
        var outcome = await Plans.Run(client, Plans.Of("closed:2"), new() { Requests = 2, TimeoutSeconds = 0.05 }).RunAsync(s_never);
        Assert.Equal(["timeout", "timeout"], outcome.Records.Select(r => r.Status));
        Assert.Equal(2, Assert.Single(outcome.Summarise().Statuses).Value);
    }

    [Theory]
    [InlineData("closed:2")]
    [InlineData("poisson:1000")]
    public async Task An_error_of_the_program_is_not_a_failed_request(string arrivals)
    {
        var client = new FakeClient((_, _, _) => throw new InvalidOperationException("broken client"));
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            Plans.Run(client, Plans.Of(arrivals), new() { Seconds = 3600 }).RunAsync(s_never));
    }

    [Fact]
    public async Task Records_are_on_disk_as_they_were_kept()
    {
        var path = Path.Combine(Path.GetTempPath(), $"btx-records-{Guid.NewGuid():N}", "requests", "a.jsonl");
        try
        {
            LoadOutcome outcome;
            await using (var file = new RecordFile(path))
            {
                outcome = await (Plans.Run(new FakeClient(), Plans.Of("closed:4"), new() { Requests = 50 }) with { File = file })
                    .RunAsync(s_never);
            }

            var read = RunJson.ReadLines<RequestRecord>(path);
            Assert.Equal(outcome.Records.Select(r => (r.Index, r.Due, r.End, r.Status)),
                read.Select(r => (r.Index, r.Due, r.End, r.Status)));
        }
        finally
        {
            Directory.Delete(Path.GetDirectoryName(Path.GetDirectoryName(path))!, recursive: true);
        }
    }

    [Fact]
    public async Task Mode_expert_sends_each_prompt_to_its_domains_expert()
    {
        var client = new FakeClient();
        var run = Plans.Run(client, Plans.Of("closed:1", mix: "code=1"), new() { Requests = 3 });
        await (run with { Routing = new("expert") }).RunAsync(s_never);
        Assert.All(client.Requests, r => Assert.Equal("code-1", r.Routing.Expert));
        Assert.Contains("no expert of the domain law",
            Assert.Throws<LoadTestException>(() => new RoutingChoice("expert").For("law", FakeClient.Served)).Message);
    }
}
