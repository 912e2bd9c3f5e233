using System.IO.Pipelines;
using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Doors;

/// <summary>
/// A client of HTTP/1 that has sent its request may close its side and wait for the answer. On the wire that looks as if it had left, until
/// something is sent to it, and Kestrel gives the request up. Here the end of what the client sends is told only to whoever needs more of
/// it, and the request goes on for a bounded time, or until the system learns that nobody is there.
/// </summary>
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
        connection.Transport = new Pipes(new Reader(connection.Transport.Input, left.Token), connection.Transport.Output);
        var watching = Task.CompletedTask;
        using (closed.UnsafeRegister(_ => watching = LeaveAsync(), null))
            await next(connection).ConfigureAwait(false);
        await ended.CancelAsync().ConfigureAwait(false);
        await watching.ConfigureAwait(false);

        async Task LeaveAsync()
        {
            var socket = connection.Features.Get<IConnectionSocketFeature>()?.Socket;
            try
            {
                for (var waited = TimeSpan.Zero; waited < patience && IsHalfClosed(socket); waited += s_look)
                    await Task.Delay(s_look, ended.Token).ConfigureAwait(false);
                await left.CancelAsync().ConfigureAwait(false);
            }
            catch (OperationCanceledException)
            {
                // The connection ended first.
            }
        }
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

    /// <summary>Tells the end of the input to a reader that has seen all there is and asks for more.</summary>
    private sealed class Reader(PipeReader inner, CancellationToken left) : PipeReader
    {
        private ReadResult _last;
        private bool _hasSeenAll = true;

        public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
            Shown(await inner.ReadAsync(cancellationToken).ConfigureAwait(false));

        public override bool TryRead(out ReadResult result)
        {
            if (!inner.TryRead(out result)) return false;
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
            left.UnsafeRegister(s => callback(null, s), state);
#pragma warning restore CS0618, CS0672

        private ReadResult Shown(ReadResult result)
        {
            var isNew = !_hasSeenAll || result.Buffer.Length > 0 && !_last.IsCompleted;
            _last = result;
            return result.IsCompleted && isNew ? new(result.Buffer, result.IsCanceled, isCompleted: false) : result;
        }
    }
}
