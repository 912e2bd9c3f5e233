using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using System.Text.Json.Serialization;

namespace Btx.LoadTests.Clients;

/// <summary>A peer in a process of its own, asked over JSON lines; see PeerLoop of Btx.Peer. It generates greedily and has one model,
/// whatever a request says. A token's time is the peer's own reading of the clock that this program reads too. The process ends when its
/// input does: when this program says so, or is gone.</summary>
internal sealed class PeerClient : IServerClient
{
    private const int KeptErrorLines = 5;
    private readonly Process _process;
    private readonly string _peer;
    private readonly ConcurrentDictionary<long, Request> _running = new();
    private readonly ConcurrentQueue<string> _errors = new();
    private readonly SemaphoreSlim _writing = new(1);
    private Event _ready = null!;
    private Task _reading = Task.CompletedTask;
    private volatile string? _gone;
    private long _lastId;

    private PeerClient(Process process, string peer)
    {
        (_process, _peer) = (process, peer);
        _process.ErrorDataReceived += (sender, e) =>
        {
            if (!string.IsNullOrWhiteSpace(e.Data)) _errors.Enqueue(e.Data.Trim());
            if (_errors.Count > KeptErrorLines) _errors.TryDequeue(out _);
        };
        _process.BeginErrorReadLine();
    }

    /// <summary>What it says of itself: library, precision, threads, slots, and how requests share a step.</summary>
    public string Description => $"{_ready.Name}, {_ready.Precision}, {Quantity.Count(_ready.Threads, "thread")}, "
        + $"{Quantity.Count(_ready.Slots, "slot")}; {_ready.Batching}";

    public TimeSpan ExitTimeout { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Starts it and waits until it is ready.</summary>
    public static async Task<PeerClient> StartAsync(string peer, IReadOnlyList<string> command, TimeSpan patience,
        CancellationToken cancellation)
    {
        // A Ctrl-C in the terminal is this program's to answer.
        var client = new PeerClient(Process.Start(new ProcessStartInfo("sh", ["-c", "trap '' INT; exec \"$@\"", "sh", .. command])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardInputEncoding = new UTF8Encoding(false),
        })!, peer);
        try
        {
            var line = await client._process.StandardOutput.ReadLineAsync(cancellation).AsTask().WaitAsync(patience, cancellation)
                ?? throw new LoadTestException($"--peer {peer}: {await client.ExitReportAsync()}");
            client._ready = client.Parse(line);
            if (client._ready.Kind != "ready")
                throw new LoadTestException($"--peer {peer}: its first line is not that it is ready, but \"{line}\"");
            client._reading = client.ReadAsync();
            return client;
        }
        catch (Exception e)
        {
            var errors = client.Errors();
            await client.DisposeAsync();
            if (e is not TimeoutException) throw;
            throw new LoadTestException($"--peer {peer}: not ready after {patience.TotalSeconds:0} s{errors}");
        }
    }

    public Task<ServedFacts> DescribeAsync(CancellationToken cancellation) =>
        Task.FromResult(new ServedFacts([_peer], [""], [], [], 0, _ready.Context, _ready.Precision!, ""));

    public async Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        var running = new Request(arrivals, new(TaskCreationOptions.RunContinuationsAsynchronously));
        var id = Interlocked.Increment(ref _lastId);
        _running[id] = running;
        try
        {
            // a peer that hangs does not read either
            if (_gone is null)
                await SendAsync(JsonSerializer.Serialize(new { id, text = request.Prompt, max_tokens = request.MaxTokens }))
                    .WaitAsync(cancellation);
            // Read after the request is listed: one that is sent while the peer ends is answered by either.
            if (_gone is { } gone) running.End.TrySetResult(new(Answer.Unreachable, gone));
            return await running.End.Task.WaitAsync(cancellation);
        }
        catch (OperationCanceledException)
        {
            _ = SendAsync($"{{\"cancel\":{id}}}");
            throw;
        }
        finally
        {
            _running.TryRemove(id, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        try
        {
            _process.StandardInput.Close();
        }
        catch (Exception e) when (e is IOException or InvalidOperationException) { } // it has ended, or hangs with a line half written

        await ExitAsync();
        await _reading;
        _process.Dispose();
        _writing.Dispose();
    }

    private async Task SendAsync(string line)
    {
        await _writing.WaitAsync();
        try
        {
            await _process.StandardInput.WriteAsync(line + "\n");
            await _process.StandardInput.FlushAsync();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException) { } // it has ended; whoever reads its answers says so
        finally
        {
            _writing.Release();
        }
    }

    private async Task ReadAsync()
    {
        string reason;
        try
        {
            while (await _process.StandardOutput.ReadLineAsync() is { } line) Take(Parse(line));
            reason = await ExitReportAsync();
        }
        catch (LoadTestException e)
        {
            reason = e.Message;
            _process.Kill(entireProcessTree: true);
        }

        _gone = reason;
        foreach (var request in _running.Values) request.End.TrySetResult(new(Answer.CutOff, reason));
    }

    private void Take(Event e)
    {
        if (!_running.TryGetValue(e.Id ?? 0, out var request)) return; // cancelled
        if (e.Kind == "token") request.Arrivals.Token(1, (long)(e.At!.Value * Stopwatch.Frequency));
        else if (e.Kind == "error") request.End.TrySetResult(new("refused", e.Message));
        else request.End.TrySetResult(Answer.Ended(e.Finish, null, e.PromptTokens, request.Arrivals.Count));
    }

    private Event Parse(string line)
    {
        var shown = line.Length > 100 ? line[..100] + "…" : line;
        try
        {
            if (JsonSerializer.Deserialize<Event>(line, RunJson.Line) is { IsWhole: true } read) return read;
        }
        catch (JsonException) { } // told as what lacks a field is

        throw new LoadTestException($"--peer {_peer}: it wrote \"{shown}\", which is no answer");
    }

    // What does not end is ended.
    private async Task ExitAsync()
    {
        try
        {
            await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(ExitTimeout);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None);
        }
    }

    private async Task<string> ExitReportAsync()
    {
        await ExitAsync();
        return $"it ended with exit code {_process.ExitCode}{Errors()}";
    }

    private string Errors() => _errors.IsEmpty ? "" : ": " + string.Join(" | ",
        _errors.Select(e => e.StartsWith("error: ", StringComparison.Ordinal) ? e["error: ".Length..] : e));

    private sealed record Request(TokenArrivals Arrivals, TaskCompletionSource<Answer> End);

    private sealed record Event([property: JsonPropertyName("event")] string Kind, long? Id, double? At, string? Finish, int PromptTokens,
        string? Message, string? Name, int Threads, int Slots, int Context, string? Precision, string? Batching)
    {
        public bool IsWhole => this is { Kind: "token", Id: not null, At: not null }
            or { Kind: "done", Id: not null, Finish: not null, PromptTokens: > 0 } or { Kind: "error", Id: not null, Message: not null }
            or { Kind: "ready", Name: not null, Slots: > 0, Context: > 0, Precision: not null, Batching: not null };
    }
}
