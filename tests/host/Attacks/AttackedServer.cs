using System.Net.Http.Json;
using System.Text;
using Btx.Server.Tests.Chaos;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Attacks;

/// <summary>
/// One server process that every attack is made on, one after the other, while other clients use both of its ports: none of their requests
/// may fail, and none may wait for the end of an attack. Its memory and its threads are watched.
/// </summary>
[CollectionDefinition(Name)]
public sealed class AttackedServer : IAsyncLifetime, ICollectionFixture<AttackedServer>
{
    public const string Name = "a server under attack";
    public const int OpenFiles = 560;
    private const int LongestRefusal = 4096;
    private const long MoreMemory = 250 << 20;
    private const int MoreThreads = 48;
    private static readonly TimeSpan Hang = TimeSpan.FromMinutes(2);
    private readonly ChaosForest _forest = new("alpha", "beta");
    private readonly CancellationTokenSource _ending = new();
    private readonly List<string> _faults = [];
    private ServerProcess _server = null!;
    private Load _rpcLoad = null!;
    private Task _httpLoad = Task.CompletedTask;
    private int _completions;

    internal ChaosForest Forest => _forest;

    internal Uri HttpUri => _server.Http.BaseAddress!;

    internal Uri GrpcUri => _server.RpcAddress;

    /// <summary>For requests by hand.</summary>
    internal HttpClient Raw { get; } = new(new SocketsHttpHandler { PooledConnectionIdleTimeout = TimeSpan.FromSeconds(1) });

    /// <summary>The process, for what an attack needs to see of it.</summary>
    internal ServerProcess Process => _server;

    public async ValueTask InitializeAsync()
    {
        _server = await ServerProcess.LaunchWithinAsync($"ulimit -n {OpenFiles}; export BTX_SERVE_HEADER_TIME=4", _forest);
        Assert.True(_server.Started, string.Join('\n', _server.Errors));
        _rpcLoad = new(_server, 1, (client, number) => Load.Request(Load.Routings("beta")[number % 7], number, 20, 10), pause: 20);
        _httpLoad = Task.Run(CompleteAsync);
    }

    /// <summary>
    /// Makes the attack; the answer is the expected one, in a few words, the log shows no stack, and the other clients are answered as
    /// before.
    /// </summary>
    internal async Task MeetAsync(Attack attack)
    {
        var lines = _server.Errors.Count;
        var answer = await attack.Send(this).WaitAsync(Hang);
        Assert.True(attack.Status == answer.Status, $"expected {attack.Status}, got {answer.Status}: {Cut(answer.Text)}");
        Assert.Contains(attack.Says, answer.Text, StringComparison.Ordinal);
        AssertTellsNothing(answer.Text);
        if (attack.Status is not (0 or 200))
            Assert.True(answer.Text.Length <= LongestRefusal, $"{answer.Text.Length} characters: {Cut(answer.Text)}");
        await OthersAreAnsweredAsync();
        Assert.DoesNotContain(_server.Errors.Skip(lines),
            line => line.Contains("   at ", StringComparison.Ordinal) || line.Length > LongestRefusal);
    }

    /// <summary>Many attacks, and then the others.</summary>
    internal Task MeetAllAsync(IEnumerable<Attack> attacks) => UnharmedAsync(async () =>
    {
        foreach (var attack in attacks)
        {
            var answer = await attack.Send(this).WaitAsync(Hang);
            Assert.True(attack.Status == answer.Status && answer.Text.Contains(attack.Says, StringComparison.Ordinal),
                $"{attack}: expected {attack.Status} with \"{attack.Says}\", got {answer.Status}: {Cut(answer.Text)}");
            AssertTellsNothing(answer.Text);
        }
    });

    /// <summary>An attack of many steps: the other clients are answered meanwhile and after it, it costs a bounded amount of memory and
    /// threads, and the log shows no stack.</summary>
    internal async Task UnharmedAsync(Func<Task> attack)
    {
        await HasRoomAsync();
        var (lines, memory, threads) = (_server.Errors.Count, Memory, Threads);
        await attack().WaitAsync(Hang);
        await OthersAreAnsweredAsync();
        Assert.True(Memory - memory < MoreMemory, $"from {memory >> 20} to {Memory >> 20} MiB");
        Assert.True(Threads - threads < MoreThreads, $"from {threads} to {Threads} threads");
        Assert.DoesNotContain(_server.Errors.Skip(lines),
            line => line.Contains("   at ", StringComparison.Ordinal) || line.Length > LongestRefusal);
    }

    /// <summary>Bytes of memory that the process uses.</summary>
    internal long Memory => Observe(process => process.WorkingSet64);

    private int Threads => Observe(process => process.Threads.Count);

    /// <summary>A request that begins after the call ends well over both protocols, and none has failed so far.</summary>
    internal async Task OthersAreAnsweredAsync()
    {
        var completions = Volatile.Read(ref _completions) + 2; // one of them began after the call
        await _rpcLoad.EndedAsync(2);
        await Patience.UntilAsync(() => Volatile.Read(ref _completions) >= completions || Problems.Count > 0, "the end of a completion");
        Others();
    }

    /// <summary>The connections of the attack before have ended: as many as one of them needs are answered at once.</summary>
    private Task HasRoomAsync()
    {
        var request = Encoding.ASCII.GetBytes($"GET /v1/models HTTP/1.1\r\nhost: {HttpUri.Authority}\r\nconnection: close\r\n\r\n");
        return Patience.UntilAsync(async () =>
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => Answer.OfBytesAsync(HttpUri, request)));
            return answers.All(answer => answer.Status == 200);
        }, () => "room for the next attack");
    }

    public async ValueTask DisposeAsync()
    {
        await _ending.CancelAsync();
        await _httpLoad;
        await _rpcLoad.StopAsync();
        await _server.DisposeAsync();
        _forest.Dispose();
        _ending.Dispose();
        Raw.Dispose();
        Others();
    }

    private T Observe<T>(Func<System.Diagnostics.Process, T> of)
    {
        using var process = System.Diagnostics.Process.GetProcessById(_server.Id);
        return of(process);
    }

    /// <summary>No directory of the server, no address in its memory, no stack: CVE-2026-73555.</summary>
    private void AssertTellsNothing(string answer)
    {
        Assert.DoesNotContain(Path.GetTempPath(), answer, StringComparison.Ordinal);
        Assert.DoesNotContain(AppContext.BaseDirectory, answer, StringComparison.Ordinal);
        Assert.DoesNotMatch("0x[0-9a-fA-F]{6}| at Btx\\.| at Microsoft\\.| at System\\.", answer);
    }

    private void Others() =>
        Assert.True(Problems.Count == 0 && _rpcLoad.Failures.Count == 0,
        string.Join('\n', [.. Problems, .. _rpcLoad.Failures, "the server said:", .. _server.Errors.TakeLast(20).Select(Cut)]));

    private List<string> Problems
    {
        get
        {
            lock (_faults) return [.. _faults];
        }
    }

    private async Task CompleteAsync()
    {
        while (!_ending.IsCancellationRequested)
        {
            try
            {
                using var response = await _server.Http.PostAsJsonAsync("/v1/completions",
                    new { model = "forest:top_k=1", prompt = "the cat", max_tokens = 4, ignore_eos = true });
                response.EnsureSuccessStatusCode();
                await response.Content.ReadAsStringAsync();
                Interlocked.Increment(ref _completions);
                await Task.Delay(20);
            }
            catch (HttpRequestException e)
            {
                lock (_faults) _faults.Add(e.Message);
                return;
            }
        }
    }

    private static string Cut(string text) => text.Length <= 500 ? text : text[..500];
}
