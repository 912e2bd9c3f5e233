using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Listeners;

/// <summary>A client of HTTP/1 may close its side and wait for the answer. Kestrel takes that for having left and gives the request up.
/// Here only who needs more of it is told, and the request goes on for a bounded time, or until the system learns that nobody is there:
/// what closed its side altogether looks the same until something is sent to it, so an interim answer is, which every client skips.
/// Over TLS nobody closes one side alone.</summary>
internal static class HalfClosed
{
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int TcpInfo = 11; // TCP_INFO
    private const int Unacked = 24, NotSent = 144, TcpInfoLength = 148; // of tcp_info: packets, bytes
    private const byte CloseWait = 8; // TCP_CLOSE_WAIT: the peer sends no more; it may still read
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_ask = 3 * s_look; // what is answered by then is sent without an interim answer

    /// <param name="patience">How long a request goes on after its client closed its side.</param>
    public static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next, TimeSpan patience)
    {
        var closed = connection.ConnectionClosed;
        using var left = new CancellationTokenSource();
        using var ended = new CancellationTokenSource();
        connection.ConnectionClosed = left.Token;
        var reader = new Reader(connection.Transport.Input, left);
        var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
        var isTls = connection.Features.Get<ITlsConnectionFeature>() is not null;
        var question = new Question(isTls ? null : socket);
        connection.Items[typeof(Reader)] = reader;
        connection.Items[typeof(Question)] = question;
        connection.Transport = new Pipes(reader, connection.Transport.Output);
        var watching = Task.CompletedTask;
        using (closed.UnsafeRegister(_ => watching = LeaveAsync(), null))
            await next(connection);
        await ended.CancelAsync();
        await watching;

        async Task LeaveAsync()
        {
            try
            {
                for (var waited = TimeSpan.Zero; !isTls && waited < patience && IsHalfClosed(socket, out var hasAll); waited += s_look)
                {
                    if (waited >= s_ask && hasAll) question.Ask();
                    await Task.Delay(s_look, ended.Token);
                }

                await left.CancelAsync();
            }
            catch (OperationCanceledException)
            {
                // The connection ended first.
            }
        }
    }

    /// <summary>The request is refused before its body came: its connection ends with the answer, without the rest.</summary>
    public static void GiveUp(HttpContext http)
    {
        if (http.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(typeof(Reader), out var reader) == true)
            ((Reader)reader!).GiveUp();
    }

    /// <summary>Middleware: while a request waits for its answer, its client may be asked whether it is there.</summary>
    public static async Task AskAsync(HttpContext http, RequestDelegate next)
    {
        object? question = null;
        if (HttpProtocol.IsHttp11(http.Request.Protocol)) // HTTP/1.0 knows no interim answers
            http.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(typeof(Question), out question);
        if (question is not Question waiting)
        {
            await next(http);
            return;
        }

        waiting.Allow(true);
        http.Response.OnStarting(() =>
        {
            waiting.Allow(false);
            return Task.CompletedTask;
        });
        try
        {
            await next(http);
        }
        finally
        {
            waiting.Allow(false);
        }
    }

    /// <param name="hasAll">The client has received all that was sent to it: an answer before this one cannot be under way still.</param>
    private static bool IsHalfClosed(Socket? socket, out bool hasAll)
    {
        hasAll = false;
        try
        {
            Span<byte> info = stackalloc byte[TcpInfoLength];
            var length = socket?.GetRawSocketOption(TcpLevel, TcpInfo, info) ?? 0;
            hasAll = length == TcpInfoLength && BitConverter.ToUInt32(info[Unacked..]) == 0 && BitConverter.ToUInt32(info[NotSent..]) == 0;
            return length > 0 && info[0] == CloseWait;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
        }
    }

    /// <summary>Asks a client whether it is there. If it is not, its system resets the connection. Thread-safe.</summary>
    /// <param name="socket">Null: it is not to be written to.</param>
    private sealed class Question(Socket? socket)
    {
        private readonly Lock _gate = new();
        private bool _mayAsk;

        /// <summary>Not once an answer begins: the socket is then its own.</summary>
        public void Allow(bool may)
        {
            lock (_gate) _mayAsk = may;
        }

        /// <summary>Once for each request.</summary>
        public void Ask()
        {
            lock (_gate)
            {
                if (!_mayAsk) return;
                _mayAsk = false;
                try
                {
                    socket?.Send("HTTP/1.1 100 Continue\r\n\r\n"u8);
                }
                catch (Exception e) when (e is SocketException or ObjectDisposedException)
                {
                    // It is not there.
                }
            }
        }
    }

    private sealed record Pipes(PipeReader Input, PipeWriter Output) : IDuplexPipe;

    /// <summary>Tells the end of the input to a reader that has seen all there is and asks for more; of a connection that broke it first
    /// tells whoever watches the connection, else Kestrel would try to read the rest of the request.</summary>
    private sealed class Reader(PipeReader inner, CancellationTokenSource left) : PipeReader
    {
        private ReadResult _last;
        private bool _hasSeenAll = true;
        private volatile bool _isGivenUp;

        public void GiveUp()
        {
            _isGivenUp = true;
            inner.CancelPendingRead();
        }

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
        {
            if (_isGivenUp) throw RefusedBefore();
            ReadResult result;
            try
            {
                result = await inner.ReadAsync(cancellationToken);
            }
            catch (Exception e) when (IsBroken(e))
            {
                await left.CancelAsync();
                throw;
            }
            catch (OperationCanceledException e) when (cancellationToken.IsCancellationRequested)
            {
                // After any other exception Kestrel believes that the body is still being read, and cannot drain it.
                throw new ConnectionAbortedException("the read was given up", e);
            }

            if (!_isGivenUp) return Shown(result);
            inner.AdvanceTo(result.Buffer.Start);
            throw RefusedBefore();
        }

        public override bool TryRead(out ReadResult result)
        {
            try
            {
                result = default;
                if (_isGivenUp || !inner.TryRead(out result)) return false;
            }
            catch (Exception e) when (IsBroken(e))
            {
                left.Cancel();
                throw;
            }

            result = Shown(result);
            return true;
        }

        public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

        public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
        {
            _hasSeenAll = _last.Buffer.Slice(examined).IsEmpty;
            inner.AdvanceTo(consumed, examined);
        }

        public override void CancelPendingRead() => inner.CancelPendingRead();

        public override void Complete(Exception? exception = null) => inner.Complete(exception);

#pragma warning disable CS0618, CS0672 // Kestrel still learns by this that a client has left.
        public override void OnWriterCompleted(Action<Exception?, object?> callback, object? state) =>
            left.Token.UnsafeRegister(s => callback(null, s), state);
#pragma warning restore CS0618, CS0672

        private static ConnectionAbortedException RefusedBefore() => new("the request was refused before its body came");

        private static bool IsBroken(Exception e) => e is IOException or ConnectionAbortedException;

        private ReadResult Shown(ReadResult result)
        {
            var isNew = !_hasSeenAll || result.Buffer.Length > 0 && !_last.IsCompleted;
            _last = result;
            return result.IsCompleted && isNew ? new(result.Buffer, result.IsCanceled, isCompleted: false) : result;
        }
    }
}
