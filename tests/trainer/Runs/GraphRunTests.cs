using System.Collections.Concurrent;
using System.Diagnostics;
using Btx.Model;
using Btx.Trainer.Runs;

namespace Btx.Trainer.Tests.Runs;

public sealed class GraphRunTests : IDisposable
{
    private static readonly Lane Two = new("two", 2);
    private readonly string root = Directory.CreateTempSubdirectory("btx-runs-").FullName;
    private readonly FakeRunner runner = new();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose() => Directory.Delete(root, recursive: true);

    [Fact]
    public async Task Stages_start_in_their_order_as_lanes_have_room_and_what_they_come_after_is_done()
    {
        var run = Run([Stage("a"), Stage("b"), Stage("c", "a"), Stage("d"), Stage("e", "c", "d") with { Lane = new("alone", 1) }]);
        await runner.Until("a", "b");
        runner.End("b");
        await runner.Until("a", "b", "d"); // c, in front of it, still waits for a
        runner.End("a");
        await runner.Until("a", "b", "d", "c");
        runner.End("d");
        runner.End("c");
        await runner.Until("a", "b", "d", "c", "e");
        runner.End("e");
        Assert.All((await run).Values, r => Assert.Null(r.Failure));
    }

    [Fact]
    public async Task A_finished_stage_does_not_run_again_but_one_whose_command_changed_does_with_all_that_follow()
    {
        Stage[] stages = [Stage("a"), Stage("b", "a"), Stage("c", "b"), Stage("other")];
        runner.Automatic = true;
        await Run(stages);
        Assert.Equal(["a", "b", "c", "other"], runner.Started.Order());
        Assert.All((await Run(stages)).Values, r => Assert.True(r.Earlier));
        stages[1] = stages[1] with { Command = ["b", "--more"] };
        Assert.Equal(["a", "other"], (await Run(stages)).Where(r => r.Value.Earlier).Select(r => r.Key).Order());
        File.Delete(stages[3].Outputs[0]);
        Assert.Equal(["a", "b", "c"], (await Run(stages)).Where(r => r.Value.Earlier).Select(r => r.Key).Order());
        Assert.Contains("a: lane two (2 at once, 1 cores each), finished", new RunGraph(stages).Lines());
    }

    [Fact]
    public async Task What_comes_after_a_failed_stage_does_not_run_and_the_rest_goes_on()
    {
        var run = Run([Stage("a"), Stage("b", "a"), Stage("c", "b"), Stage("d")]);
        await runner.Until("a", "d");
        runner.End("a", "no text");
        runner.End("d");
        Assert.Equal(["a: no text", "b: a failed", "c: b failed", "d: "], Failures(await run));
        Assert.Equal(["a", "d"], runner.Started);
    }

    [Fact]
    public async Task The_first_failure_stops_all_where_that_is_asked_for()
    {
        var run = Run([Stage("a"), Stage("b"), Stage("c", "b")], keepGoing: false);
        await runner.Until("a", "b");
        runner.End("a", "no text");
        Assert.Equal(["a: no text", "b: asked to stop", "c: stopped"], Failures(await run));
    }

    [Fact]
    public async Task A_service_is_ready_when_it_says_so_and_is_stopped_when_nothing_after_it_is_left()
    {
        var run = Run([Stage("serve") with { ReadyLine = "listening", Outputs = [] }, Stage("ask", "serve"), Stage("end", "serve", "ask")]);
        await runner.Until("serve");
        runner.Say("serve", "loading");
        runner.Say("serve", "listening on 8080");
        await runner.Until("serve", "ask");
        runner.End("ask");
        await runner.Until("serve", "ask", "end");
        Assert.False(runner.IsAskedToStop("serve"));
        runner.StopsCleanly = true;
        runner.End("end");
        Assert.All((await run).Values, r => Assert.Null(r.Failure));
    }

    [Fact]
    public async Task Stopped_it_waits_for_the_commands_and_the_same_graph_goes_on_from_there()
    {
        Stage[] stages = [Stage("a"), Stage("b", "a")];
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var run = new GraphRun(new RunGraph(stages), runner).RunAsync(keepGoing: true, stop.Token);
        await runner.Until("a");
        runner.End("a");
        await runner.Until("a", "b");
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.True(runner.IsAskedToStop("b"));
        runner.Automatic = true;
        var results = await Run(stages);
        Assert.Equal((true, false), (results["a"].Earlier, results["b"].Earlier));
    }

    [Fact]
    public void A_graph_has_each_name_once_and_its_stages_in_order()
    {
        Assert.Equal("two stages are named a", Assert.Throws<BtxException>(() => new RunGraph([Stage("a"), Stage("a")])).Message);
        Assert.Equal("stage a comes after b, which is not in front of it",
            Assert.Throws<BtxException>(() => new RunGraph([Stage("a", "b"), Stage("b")])).Message);
    }

    [Theory]
    [InlineData("echo one; echo two >&2; exit 0", null)]
    [InlineData("echo one; echo 'error: two' >&2; exit 3", "two")]
    [InlineData("exit 3", "its process ended with exit code 3")]
    [InlineData("kill -KILL $$", "its process was ended by signal 9")]
    public async Task A_process_leaves_its_lines_in_the_log_and_says_why_it_failed(string script, string? failure)
    {
        var (stage, lines) = (Stage("a") with { Command = ["bash", "-c", script] }, new ConcurrentQueue<(string, bool)>());
        Assert.Equal(failure, await new LocalStageRunner().RunAsync(stage, (line, isError) => lines.Enqueue((line, isError)), Stop));
        Assert.Equal(lines.Select(l => l.Item1), await File.ReadAllLinesAsync(stage.Log!, Stop));
        Assert.Equal(script.Contains("one"), lines.Contains(("one", false)));
    }

    [Fact]
    public async Task A_process_that_is_stopped_takes_with_it_what_it_started()
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        var child = new TaskCompletionSource<int>();
        var run = new LocalStageRunner().RunAsync(Stage("a") with { Command = ["bash", "-c", "sleep 1000 & echo $!; wait"] },
            (line, _) => child.TrySetResult(int.Parse(line)), stop.Token);
        var id = await child.Task.WaitAsync(Stop);
        await stop.CancelAsync();
        Assert.Equal("its process was ended by signal 15", await run);
        for (var i = 0; i < 100 && IsThere(id); i++) await Task.Delay(20, Stop);
        Assert.False(IsThere(id));
    }

    private static IEnumerable<string> Failures(IReadOnlyDictionary<string, StageResult> results) =>
        results.OrderBy(r => r.Key).Select(r => $"{r.Key}: {r.Value.Failure}");

    private static bool IsThere(int id) => File.Exists($"/proc/{id}/stat") && !File.ReadAllText($"/proc/{id}/stat").Contains(") Z ");

    private Stage Stage(string name, params string[] after) =>
        new(name, [name], Two) { After = after, Outputs = [Path.Combine(root, name)], Log = Path.Combine(root, $"{name}.log") };

    private Task<IReadOnlyDictionary<string, StageResult>> Run(IReadOnlyList<Stage> stages, bool keepGoing = true) =>
        new GraphRun(new RunGraph(stages), runner).RunAsync(keepGoing, Stop).WaitAsync(TimeSpan.FromSeconds(30), Stop);

    /// <summary>Ends stages when it is told to; a stage's output is there when it has ended well.</summary>
    private sealed class FakeRunner : IStageRunner
    {
        private readonly ConcurrentDictionary<string, (TaskCompletionSource<string?> End, Action<string, bool> Say, CancellationToken Stop)>
            stages = new();
        private readonly ConcurrentQueue<string> started = new();

        public bool Automatic { get; set; }

        public bool StopsCleanly { get; set; }

        public string[] Started => [.. started];

        public async Task<string?> RunAsync(Stage stage, Action<string, bool> say, CancellationToken cancellation)
        {
            var end = new TaskCompletionSource<string?>(TaskCreationOptions.RunContinuationsAsynchronously);
            using var stopped = cancellation.Register(() => end.TrySetResult(StopsCleanly ? null : "asked to stop"));
            stages[stage.Name] = (end, say, cancellation);
            started.Enqueue(stage.Name);
            if (Automatic) end.TrySetResult(null);
            var failure = await end.Task;
            if (failure is null) foreach (var output in stage.Outputs) File.WriteAllText(output, "");
            return failure;
        }

        public void End(string name, string? failure = null) => stages[name].End.SetResult(failure);

        public void Say(string name, string line) => stages[name].Say(line, false);

        public bool IsAskedToStop(string name) => stages[name].Stop.IsCancellationRequested;

        public async Task Until(params string[] names)
        {
            var clock = Stopwatch.StartNew();
            while (!Started.SequenceEqual(names) && clock.Elapsed < TimeSpan.FromSeconds(20)) await Task.Delay(1, GraphRunTests.Stop);
            Assert.Equal(names, Started);
        }
    }
}
