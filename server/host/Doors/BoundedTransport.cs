using System.IO.Pipelines;
using System.Net;
using Btx.Model;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http.Features;

namespace Btx.Server.Doors;

/// <summary>
/// Sockets of which each door has at most so many. One more is told so, where the protocol has words for it, and closed; and no more are accepted than
/// a few that are being told, so that a burst of connections cannot use up the files that the process may open.
/// </summary>
/// <param name="connections">At each door; null: as many as the process may open files beyond its own.</param>
/// <param name="http">Where the HTTP door listens; what else does is the gRPC door.</param>
internal sealed class BoundedTransport(IConnectionListenerFactory sockets, int? connections, EndPoint http, Refusals refusals) : IConnectionListenerFactory
{
    private const int Most = 8192;
    private const int Fewest = 4;

    /// <summary>Connections of a door that are open while they are refused.</summary>
    private const int Spare = 2;

    /// <summary>Files for libraries that are loaded when they are first needed, and for what a change opens.</summary>
    private const int Later = 64;

    private static readonly byte[] s_full = "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"u8.ToArray();

    /// <summary>Known once the forest is loaded, before the doors open.</summary>
    /// <exception cref="BtxException">There are too few files for any.</exception>
    public int ConnectionsPerDoor { get; } = connections ?? Of(OpenFiles.Limit, OpenFiles.Count);

    /// <param name="limit">How many files the process may open.</param>
    /// <param name="open">How many it has.</param>
    public static int Of(ulong limit, int open)
    {
        var left = limit - Math.Min(limit, (ulong)(open + Later + (2 * Spare)));
        return left / 2 >= Fewest
            ? (int)Math.Min(Most, left / 2)
            : throw new BtxException($"this process may open {limit} files and has {open} open: too few are left for connections; raise the limit (`ulimit -n 4096`)");
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default) =>
        new Listener(await sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false), ConnectionsPerDoor, endpoint.Equals(http) ? Door.Http : Door.Rpc, refusals);

    private sealed class Listener(IConnectionListener inner, int limit, string door, Refusals refusals) : IConnectionListener
    {
        private readonly SemaphoreSlim _room = new(limit + Spare);
        private int _open;

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            while (true)
            {
                await _room.WaitAsync(cancellationToken).ConfigureAwait(false);
                if (await inner.AcceptAsync(cancellationToken).ConfigureAwait(false) is not { } connection) return null;
                var counted = new Counted(connection, Leave);
                if (Interlocked.Increment(ref _open) <= limit) return counted;
                _ = RefuseAsync(counted);
            }
        }

        public ValueTask UnbindAsync(CancellationToken cancellationToken = default) => inner.UnbindAsync(cancellationToken);

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private void Leave()
        {
            Interlocked.Decrement(ref _open);
            _room.Release();
        }

        private async Task RefuseAsync(ConnectionContext connection)
        {
            await using (connection.ConfigureAwait(false))
            {
                refusals.Add(door, new(Refusal.Connections, $"{limit} connections are open already, as many as this door takes"), "a connection", null, connection.RemoteEndPoint?.ToString());
                if (door == Door.Http) await connection.Transport.Output.WriteAsync(s_full).ConfigureAwait(false);
                await connection.Transport.Output.CompleteAsync().ConfigureAwait(false);
            }
        }
    }

    /// <summary>A connection that says when it is closed.</summary>
    private sealed class Counted(ConnectionContext inner, Action closed) : ConnectionContext
    {
        private Action? _closed = closed;

        public override string ConnectionId { get => inner.ConnectionId; set => inner.ConnectionId = value; }

        public override IFeatureCollection Features => inner.Features;

        public override IDictionary<object, object?> Items { get => inner.Items; set => inner.Items = value; }

        public override IDuplexPipe Transport { get => inner.Transport; set => inner.Transport = value; }

        public override CancellationToken ConnectionClosed { get => inner.ConnectionClosed; set => inner.ConnectionClosed = value; }

        public override EndPoint? LocalEndPoint { get => inner.LocalEndPoint; set => inner.LocalEndPoint = value; }

        public override EndPoint? RemoteEndPoint { get => inner.RemoteEndPoint; set => inner.RemoteEndPoint = value; }

        public override void Abort(ConnectionAbortedException abortReason) => inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            await inner.DisposeAsync().ConfigureAwait(false);
            await base.DisposeAsync().ConfigureAwait(false);
            Interlocked.Exchange(ref _closed, null)?.Invoke();
        }
    }
}
