using System.Net.Sockets;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Doors;

/// <summary>
/// A client of HTTP/1 that has sent its request may close its side and wait for the answer. On the wire that looks as if it had left, until something is
/// sent to it; so it gets a bounded time, and less when the system learns that nobody is there.
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
                for (var waited = TimeSpan.Zero; waited < patience && IsHalfClosed(socket); waited += s_look) await Task.Delay(s_look, ended.Token).ConfigureAwait(false);
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
}
