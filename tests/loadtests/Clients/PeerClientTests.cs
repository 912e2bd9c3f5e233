using System.Diagnostics;
using Btx.LoadTests.Clients;

namespace Btx.LoadTests.Tests.Clients;

/// <summary>The protocol's client side, against peers that are shell scripts: one that answers, and all the ways not to.</summary>
public sealed class PeerClientTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Tokens_have_the_peers_own_times_and_the_answer_its_counts()
    {
        await using var peer = await PeerScript.StartAsync($$"""
            {{PeerScript.Ready}}
            read line
            echo "$line" >&2
            for at in 10.5 10.75 11.75; do echo "{\"event\":\"token\",\"id\":1,\"token\":4,\"at\":$at}"; done
            echo '{"event":"done","id":1,"finish":"length","prompt_tokens":7,"at":12}'
            read end
            """);
        Assert.Equal("script, fp32, 1 thread, 2 slots; none", peer.Description);
        var served = await peer.DescribeAsync(Stop);
        Assert.Equal((64, "fp32"), (served.ContextLength, served.Precision));
        var arrivals = PeerScript.Arrivals();
        var answer = await peer.GenerateAsync(PeerScript.Request(), arrivals, Stop);
        Assert.Equal((Answer.Ok, "length", 7, (int?)3), (answer.Status, answer.Finish, answer.PromptTokens, answer.CompletionTokens));
        Assert.Equal([0.25f, 1f], arrivals.Gaps());
        Assert.Equal(0.5, arrivals.First(10 * Stopwatch.Frequency)!.Value, 6);
    }

    [Fact]
    public async Task Requests_are_told_apart_and_those_nobody_waits_for_are_passed_over()
    {
        await using var peer = await PeerScript.StartAsync($$"""
            {{PeerScript.Ready}}
            read a; read b
            echo '{"event":"token","id":77,"token":4,"at":1}'
            echo '{"event":"token","id":2,"token":4,"at":1}'
            echo '{"event":"token","id":1,"token":4,"at":1}'
            echo '{"event":"token","id":2,"token":4,"at":2}'
            echo '{"event":"done","id":2,"finish":"length","prompt_tokens":2,"at":3}'
            echo '{"event":"done","id":1,"finish":"context","prompt_tokens":1,"at":3}'
            read end
            """);
        var first = peer.GenerateAsync(PeerScript.Request(), PeerScript.Arrivals(), Stop);
        var second = peer.GenerateAsync(PeerScript.Request(), PeerScript.Arrivals(), Stop);
        Assert.Equal((1, (int?)1, "context"), ((await first).PromptTokens, (await first).CompletionTokens, (await first).Finish));
        Assert.Equal((2, (int?)2, "length"), ((await second).PromptTokens, (await second).CompletionTokens, (await second).Finish));
    }

    [Fact]
    public async Task Text_is_sent_as_it_is()
    {
        await using var peer = await PeerScript.StartAsync($$"""
            {{PeerScript.Ready}}
            read -r line; line=${line//\\/\\\\}; echo "{\"event\":\"error\",\"id\":1,\"message\":\"${line//\"/\'}\"}"
            read end
            """);
        var text = await peer.GenerateAsync(PeerScript.Request("é\n{"), PeerScript.Arrivals(), Stop);
        Assert.Equal("refused", text.Status);
        Assert.Equal("""{'id':1,'text':'\u00E9\n{','max_tokens':3}""", text.Error);
    }

    [Fact]
    public async Task A_peer_that_dies_cuts_its_answers_off_and_is_unreachable_from_then_on()
    {
        await using var peer = await PeerScript.StartAsync($$"""
            {{PeerScript.Ready}}
            read line
            echo '{"event":"token","id":1,"token":4,"at":1}'
            echo 'error: no memory left' >&2
            exit 3
            """);
        var arrivals = PeerScript.Arrivals();
        var answer = await peer.GenerateAsync(PeerScript.Request(), arrivals, Stop);
        Assert.Equal((Answer.CutOff, "it ended with exit code 3: no memory left", 1), (answer.Status, answer.Error, arrivals.Count));
        Assert.Equal(Answer.Unreachable, (await peer.GenerateAsync(PeerScript.Request(), PeerScript.Arrivals(), Stop)).Status);
    }

    [Theory]
    [InlineData("Segmentation fault")]
    [InlineData("{\"event\":\"token\",\"id\":1}")]
    [InlineData("{\"event\":\"song\",\"id\":1}")]
    [InlineData("[]")]
    public async Task A_peer_that_writes_rubbish_is_ended(string rubbish)
    {
        await using var peer = await PeerScript.StartAsync($$"""
            {{PeerScript.Ready}}
            read line
            echo '{{rubbish}}'
            sleep 600
            """);
        var answer = await peer.GenerateAsync(PeerScript.Request(), PeerScript.Arrivals(), Stop);
        Assert.Equal((Answer.CutOff, $"--peer script: it wrote \"{rubbish}\", which is no answer"), (answer.Status, answer.Error));
    }

    [Fact]
    public async Task A_peer_that_hangs_is_told_that_nobody_waits_and_is_ended()
    {
        var said = Path.GetTempFileName();
        try
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(Stop);
            await using (var peer = await PeerScript.StartAsync($$"""
                {{PeerScript.Ready}}
                read line; read cancel
                echo "$cancel" >'{{said}}'
                sleep 600
                """))
            {
                peer.ExitTimeout = TimeSpan.FromSeconds(1);
                var answer = peer.GenerateAsync(PeerScript.Request(), PeerScript.Arrivals(), limit.Token);
                await limit.CancelAsync();
                await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
                while (new FileInfo(said).Length == 0) await Task.Delay(5, Stop);
            }

            Assert.Equal("{\"cancel\":1}", (await File.ReadAllTextAsync(said, Stop)).Trim());
        }
        finally
        {
            File.Delete(said);
        }
    }

    [Fact]
    public async Task A_peer_that_does_not_even_read_does_not_hold_up_its_client()
    {
        await using var peer = await PeerScript.StartAsync($"{PeerScript.Ready}\nsleep 600");
        peer.ExitTimeout = TimeSpan.FromSeconds(0.2);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        // more than a pipe holds
        var more = Enumerable.Range(0, 3)
            .Select(_ => peer.GenerateAsync(PeerScript.Request(new string('x', 1 << 17)), PeerScript.Arrivals(), limit.Token)).ToArray();
        limit.CancelAfter(50);
        foreach (var answer in more) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => answer);
    }

    [Theory]
    [InlineData("echo 'error: --model x: no such directory' >&2; exit 1",
        "--peer script: it ended with exit code 1: --model x: no such directory")]
    [InlineData("echo hello", "--peer script: it wrote \"hello\", which is no answer")]
    [InlineData("echo '{\"event\":\"error\",\"id\":1,\"message\":\"x\"}'",
        "--peer script: its first line is not that it is ready, but \"{\"event\":\"error\",\"id\":1,\"message\":\"x\"}\"")]
    public async Task A_peer_that_does_not_come_up_says_why(string script, string message) =>
        Assert.Equal(message, (await Assert.ThrowsAsync<LoadTestException>(() => PeerScript.StartAsync(script))).Message);

    [Fact]
    public async Task A_peer_that_is_not_ready_in_time_is_ended()
    {
        var error = await Assert.ThrowsAsync<LoadTestException>(() =>
            PeerScript.StartAsync("echo loading >&2; read line; echo loaded", 0.3));
        Assert.StartsWith("--peer script: not ready after 0 s", error.Message, StringComparison.Ordinal);
    }
}

/// <summary>A peer that is a few lines of shell.</summary>
internal static class PeerScript
{
    public const string Ready =
        """echo '{"event":"ready","name":"script","threads":1,"slots":2,"context":64,"vocabulary":9,"precision":"fp32","batching":"none"}'""";

    public static Task<PeerClient> StartAsync(string script, double patience = 30) =>
        PeerClient.StartAsync("script", ["bash", "-c", script], TimeSpan.FromSeconds(patience),
        TestContext.Current.CancellationToken);

    public static CompletionRequest Request(string prompt = "a prompt") => new(prompt, 3, new("expert"));

    public static TokenArrivals Arrivals() => new(TimeProvider.System, 4);
}
