using System.Collections.Concurrent;
using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Btx.LoadTests.Doors;

namespace Btx.LoadTests.PeerDoors;

/// <summary>
/// A peer in a process of its own, asked over JSON lines on its standard input and answering on its standard output. It ends when its input
/// does: when this program says so, or is gone.
/// </summary>
internal sealed class PeerProcess : IAsyncDisposable
{
    private const int KeptErrorLines = 5;
    private readonly Process _process;
    private readonly string _peer;
    private readonly ConcurrentDictionary<long, Request> _running = new();
    private readonly Queue<string> _complaints = new();
    private readonly SemaphoreSlim _writing = new(1);
    private Task _reading = Task.CompletedTask, _complaining = Task.CompletedTask;
    private volatile string? _gone;
    private long _lastId;

    private PeerProcess(Process process, string peer) => (_process, _peer) = (process, peer);

    public PeerDescription Description { get; private set; } = null!;

    /// <summary>How long it may take to end by itself.</summary>
    public TimeSpan Farewell { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Starts it and waits until it is ready.</summary>
    /// <param name="patience">Longer than this it may not load.</param>
    /// <exception cref="LoadTestException">It does not start, ends, writes something else, or
    /// takes too long: with its own last line.</exception>
    public static async Task<PeerProcess> StartAsync(PeerCommand command, TimeSpan patience, CancellationToken cancellation)
    {
        PeerProcess peer;
        try
        {
            // A Ctrl-C in the terminal is this program's to answer.
            var start = new ProcessStartInfo("sh", ["-c", "trap '' INT; exec \"$@\"", "sh", command.File, .. command.Arguments])
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
                StandardInputEncoding = new UTF8Encoding(false),
                StandardOutputEncoding = Encoding.UTF8,
            };
            peer = new(Process.Start(start)!, command.Peer);
        }
        catch (Win32Exception e)
        {
            throw new LoadTestException($"--peer {command.Peer}: sh cannot be started: {e.Message}", e);
        }

        try
        {
            peer._complaining = peer.ListenAsync();
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(patience);
            string? line;
            try
            {
                line = await peer._process.StandardOutput.ReadLineAsync(limit.Token).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
            {
                throw new LoadTestException($"--peer {command.Peer}: not ready after {patience.TotalSeconds:0} s{peer.LastWords()}");
            }

            if (line is null) throw new LoadTestException($"--peer {command.Peer}: {await peer.EndAsync().ConfigureAwait(false)}");
            var first = Parse(line, command.Peer);
            peer.Description = first.Ready
                ?? throw new LoadTestException($"--peer {command.Peer}: its first line is not that it is ready, but \"{line}\"");
            peer._reading = peer.ReadAsync();
            return peer;
        }
        catch
        {
            await peer.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Has a prompt continued. What goes wrong is a status, not an exception.</summary>
    /// <exception cref="OperationCanceledException">By <paramref name="cancellation"/>; the peer is told.</exception>
    public async Task<DoorAnswer> GenerateAsync(DoorRequest asked, TokenArrivals arrivals, CancellationToken cancellation)
    {
        var request = new Request(arrivals);
        var id = Interlocked.Increment(ref _lastId);
        _running[id] = request;
        try
        {
            // a peer that hangs does not read either
            if (_gone is null) await SendAsync(Line(id, asked)).WaitAsync(cancellation).ConfigureAwait(false);
            // Read after the request is listed: one that is sent while the peer ends is answered by either.
            if (_gone is { } gone) request.End.TrySetResult(new(DoorAnswer.Unreachable) { Error = gone });
            return await request.End.Task.WaitAsync(cancellation).ConfigureAwait(false);
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
        catch (Exception e) when (e is IOException or InvalidOperationException)
        {
            // It has ended, or hangs with a line half written.
        }

        await ExitAsync().ConfigureAwait(false);
        await Task.WhenAll(_reading, _complaining).ConfigureAwait(false);
        _process.Dispose();
        _writing.Dispose();
    }

    private static string Line(long id, DoorRequest asked) => asked.PromptIds is { } ids
        ? JsonSerializer.Serialize(new { id, prompt = ids, max_tokens = asked.MaxTokens })
        : JsonSerializer.Serialize(new { id, text = asked.Prompt ?? "", max_tokens = asked.MaxTokens });

    private static PeerEvent Parse(string line, string peer)
    {
        try
        {
            return PeerEvent.Parse(line);
        }
        catch (FormatException e)
        {
            throw new LoadTestException($"--peer {peer}: {e.Message}", e);
        }
    }

    private async Task SendAsync(string line)
    {
        await _writing.WaitAsync().ConfigureAwait(false);
        try
        {
            await _process.StandardInput.WriteAsync(line + "\n").ConfigureAwait(false);
            await _process.StandardInput.FlushAsync().ConfigureAwait(false);
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // It has ended; whoever reads its answers says so.
        }
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
            while (await _process.StandardOutput.ReadLineAsync().ConfigureAwait(false) is { } line) Take(Parse(line, _peer));
            reason = await EndAsync().ConfigureAwait(false);
        }
        catch (LoadTestException e)
        {
            reason = e.Message;
            _process.Kill(entireProcessTree: true);
        }

        _gone = reason;
        foreach (var request in _running.Values) request.End.TrySetResult(new(DoorAnswer.CutOff) { Error = reason });
    }

    private void Take(PeerEvent e)
    {
        if (!_running.TryGetValue(e.Id, out var request)) return; // cancelled
        switch (e.Kind)
        {
            case PeerEventKind.Token:
                request.Arrivals.Token(1, e.Timestamp);
                break;
            case PeerEventKind.Done:
                request.End.TrySetResult(DoorAnswer.Ended(e.Text, null) with
                {
                    PromptTokens = e.PromptTokens,
                    CompletionTokens = request.Arrivals.Count
                });
                break;
            case PeerEventKind.Error:
                request.End.TrySetResult(new("refused") { Error = e.Text });
                break;
        }
    }

    /// <summary>Waits for its end; what does not end is ended.</summary>
    private async Task ExitAsync()
    {
        try
        {
            await _process.WaitForExitAsync(CancellationToken.None).WaitAsync(Farewell).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync(CancellationToken.None).ConfigureAwait(false);
        }
    }

    private async Task<string> EndAsync()
    {
        await ExitAsync().ConfigureAwait(false);
        await _complaining.ConfigureAwait(false);
        return $"it ended with exit code {_process.ExitCode}{LastWords()}";
    }

    private async Task ListenAsync()
    {
        while (await _process.StandardError.ReadLineAsync().ConfigureAwait(false) is { } line)
        {
            if (string.IsNullOrWhiteSpace(line)) continue;
            lock (_complaints)
            {
                _complaints.Enqueue(line.Trim());
                if (_complaints.Count > KeptErrorLines) _complaints.Dequeue();
            }
        }
    }

    private string LastWords()
    {
        lock (_complaints)
            return _complaints.Count == 0 ? "" : ": " + string.Join(" | ",
                _complaints.Select(c => c.StartsWith("error: ", StringComparison.Ordinal) ? c["error: ".Length..] : c));
    }

    private sealed record Request(TokenArrivals Arrivals)
    {
        public TaskCompletionSource<DoorAnswer> End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
