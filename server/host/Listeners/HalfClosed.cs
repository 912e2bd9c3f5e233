using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Listeners;

/// <summary>A client of HTTP/1 may close its side and wait for the answer. Kestrel takes that for having left and gives the request up.
/// Here only who needs more of it is told, and the request goes on for a bounded time, or until the system learns that nobody is
/// there.</summary>
internal static class HalfClosed
{
    private const int TcpLevel = 6; // IPPROTO_TCP
    private const int TcpInfo = 11; // TCP_INFO
    private const byte CloseWait = 8; // TCP_CLOSE_WAIT: the peer sends no more; it may still read
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(100);

    /// <param name="patience">How long a request goes on after its client closed its side.</param>
    public static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next, TimeSpan patience)
    {
        var closed = connection.ConnectionClosed;
        using var left = new CancellationTokenSource();
        using var ended = new CancellationTokenSource();
        connection.ConnectionClosed = left.Token;
        var reader = new Reader(connection.Transport.Input, left);
        connection.Items[typeof(Reader)] = reader;
        connection.Transport = new Pipes(reader, connection.Transport.Output);
        var watching = Task.CompletedTask;
        using (closed.UnsafeRegister(_ => watching = LeaveAsync(), null))
            await next(connection);
        await ended.CancelAsync();
        await watching;

        async Task LeaveAsync()
        {
            var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
            try
            {
                for (var waited = TimeSpan.Zero; waited < patience && IsHalfClosed(socket); waited += s_look)
                    await Task.Delay(s_look, ended.Token);
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

    private static bool IsHalfClosed(Socket? socket)
    {
        try
        {
            Span<byte> info = stackalloc byte[8];
            return socket is not null && socket.GetRawSocketOption(TcpLevel, TcpInfo, info) > 0 && info[0] == CloseWait;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return false;
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
