using Microsoft.AspNetCore.Connections;

namespace Btx.Server.Doors;

/// <summary>At most so many connections at one door; one more is told so, where the protocol has words for it, and closed.</summary>
internal sealed class ConnectionLimit(string door, int limit, Refusals refusals)
{
    private static readonly byte[] s_full = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"u8.ToArray();
    private int _open;

    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _open) <= limit)
            {
                await next(connection).ConfigureAwait(false);
                return;
            }

            refusals.Add(door, new(Refusal.Connections, $"{limit} connections are open already, as many as this door takes"), "a connection", null, connection.RemoteEndPoint?.ToString());
            if (door == Door.Http) await connection.Transport.Output.WriteAsync(s_full).ConfigureAwait(false);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }
    }
}
