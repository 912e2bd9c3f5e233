using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Btx.Model;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Btx.Server.Doors;

/// <summary>
/// Sockets of which each door has at most so many. One more takes the place of one that has long been idle; where there is none it is told
/// so, if the protocol has words for it, and closed. No more are accepted than a few that are being told, so that a burst cannot use up the
/// files that the process may open. One that asks the HTTP door for health is answered all the same, from those few.
/// </summary>
/// <param name="connections">At each door; null: as many as the process may open files beyond its own.</param>
/// <param name="http">Where the HTTP door listens; what else does is the gRPC door.</param>
internal sealed class BoundedTransport(IConnectionListenerFactory sockets, int? connections, EndPoint http, Refusals refusals)
    : IConnectionListenerFactory
{
    private const int Most = 8192;
    private const int Fewest = 4;

    /// <summary>
    /// Connections of a door that are open while they are refused. At the HTTP door that may take a moment: one asks perhaps for health.
    /// </summary>
    private const int HttpSpare = 3, RpcSpare = 1;

    /// <summary>
    /// Files for libraries that are loaded when they are first needed, and for what changes of the forest open; an eighth of all where that
    /// is more.
    /// </summary>
    private const int Later = 64;

    private static readonly byte[] s_full =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"u8.ToArray();

    /// <summary>Known once the forest is loaded, before the doors open.</summary>
    /// <exception cref="BtxException">There are too few files for any.</exception>
    public int ConnectionsPerDoor { get; } = connections ?? Of(OpenFiles.Limit, OpenFiles.Count);

    /// <param name="limit">How many files the process may open.</param>
    /// <param name="open">How many it has.</param>
    public static int Of(ulong limit, int open)
    {
        var left = limit - Math.Min(limit, (ulong)open + Math.Max(Later, limit / 8) + HttpSpare + RpcSpare);
        return left / 2 >= Fewest
            ? (int)Math.Min(Most, left / 2)
            : throw new BtxException(
                $"this process may open {limit} files and has {open} open: too few are left for "
                    + "connections; raise the limit (`ulimit -n 4096`)");
    }

    /// <summary>Middleware: a connection with a request in progress is not idle.</summary>
    public static async Task KeepBusyAsync(HttpContext http, RequestDelegate next)
    {
        var connection = http.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(typeof(Counted), out var item) == true
            ? (Counted)item!
            : null;
        if (connection is { IsReserve: true }) http.Response.Headers.Connection = "close";
        connection?.Begin();
        try
        {
            await next(http).ConfigureAwait(false);
        }
        finally
        {
            connection?.End();
        }
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var bound = await sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false);
        return new Listener(bound, ConnectionsPerDoor, endpoint.Equals(http) ? Door.Http : Door.Rpc, refusals);
    }

    private sealed class Listener(IConnectionListener inner, int limit, string door, Refusals refusals) : IConnectionListener
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250);
        private readonly int _spare = door == Door.Http ? HttpSpare : RpcSpare;
        private readonly SemaphoreSlim _room = new(limit + (door == Door.Http ? HttpSpare : RpcSpare));
        private readonly ConcurrentDictionary<Counted, byte> _open = new();
        private readonly Channel<ConnectionContext> _taken = Channel.CreateUnbounded<ConnectionContext>();
        private readonly CancellationTokenSource _unbound = new();
        private readonly List<CancellationTokenSource> _looking = [];
        private Task? _accepting;

        public EndPoint EndPoint => inner.EndPoint;

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            _accepting ??= AcceptAllAsync();
            while (await _taken.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false))
            {
                if (_taken.Reader.TryRead(out var connection)) return connection;
            }

            return null;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _unbound.CancelAsync().ConfigureAwait(false);
            await inner.UnbindAsync(cancellationToken).ConfigureAwait(false);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private async Task AcceptAllAsync()
        {
            Exception? failure = null;
            try
            {
                while (true)
                {
                    await _room.WaitAsync(_unbound.Token).ConfigureAwait(false);
                    if (await inner.AcceptAsync(CancellationToken.None).ConfigureAwait(false) is not { } connection) break;
                    var counted = new Counted(connection, Leave);
                    if (_open.Count < limit || MakesRoom())
                    {
                        _open[counted] = 0;
                        _taken.Writer.TryWrite(counted);
                    }
                    else
                    {
                        _ = RefuseAsync(counted);
                    }
                }
            }
            catch (OperationCanceledException) when (_unbound.IsCancellationRequested)
            {
            }
            catch (Exception e)
            {
                failure = e; // whoever accepts gets it
            }

            _taken.Writer.TryComplete(failure);
        }

        private void Leave(Counted connection)
        {
            _open.TryRemove(connection, out _);
            _room.Release();
        }

        private bool MakesRoom()
        {
            if (_open.Keys.Where(c => c.IsLongIdle).MinBy(c => (c.HasServed, c.Since)) is not { } idle || !idle.TryGiveUp()) return false;
            _open.TryRemove(idle, out _);
            Count("an idle one made room for another", idle);
            return true;
        }

        private async Task RefuseAsync(Counted connection)
        {
            if (door == Door.Http && await AsksForHealthAsync(connection).ConfigureAwait(false))
            {
                connection.IsReserve = true;
                if (_taken.Writer.TryWrite(connection)) return;
            }

            await using (connection.ConfigureAwait(false))
            {
                Count("one more was refused", connection);
                if (door == Door.Http) await connection.Transport.Output.WriteAsync(s_full).ConfigureAwait(false);
                await connection.Transport.Output.CompleteAsync().ConfigureAwait(false);
            }
        }

        /// <summary>Waits a moment for what it asks, less where the next ones need its place.</summary>
        private async Task<bool> AsksForHealthAsync(Counted connection)
        {
            using var patience = new CancellationTokenSource(s_patience);
            lock (_looking)
            {
                _looking.Add(patience);
                if (_looking.Count >= _spare) _looking[0].CancelAfter(TimeSpan.Zero);
            }

            var asks = await HealthReserve.IsAskedForAsync(connection.Transport.Input, patience.Token).ConfigureAwait(false);
            lock (_looking) _looking.Remove(patience);
            return asks;
        }

        private void Count(string what, ConnectionContext connection)
        {
            var refusal = new Refusal(Refusal.Connections, $"{limit} are open, as many as this door takes; {what}");
            refusals.Add(door, refusal, "connections", null, connection.RemoteEndPoint?.ToString());
        }
    }

    /// <summary>A connection that says when it is closed, and how long it has been idle.</summary>
    private sealed class Counted : ConnectionContext
    {
        private static readonly TimeSpan s_beforeFirst = TimeSpan.FromSeconds(1), s_between = TimeSpan.FromSeconds(5);
        private readonly ConnectionContext _inner;
        private readonly Lock _gate = new();
        private Action<Counted>? _closed;
        private int _requests;

        public Counted(ConnectionContext inner, Action<Counted> closed)
        {
            (_inner, _closed, Since) = (inner, closed, Environment.TickCount64);
            inner.Items[typeof(Counted)] = this;
        }

        /// <summary>When it was opened or its last request ended, in milliseconds.</summary>
        public long Since { get; private set; }

        public bool HasServed { get; private set; }

        /// <summary>It came when the door was full, and gets one answer.</summary>
        public bool IsReserve { get; set; }

        /// <summary>Nothing came for a second, or since the last request for five.</summary>
        public bool IsLongIdle
        {
            get
            {
                var enough = (HasServed ? s_between : s_beforeFirst).TotalMilliseconds;
                lock (_gate) return _requests == 0 && Environment.TickCount64 - Since >= enough;
            }
        }

        public override string ConnectionId { get => _inner.ConnectionId; set => _inner.ConnectionId = value; }

        public override IFeatureCollection Features => _inner.Features;

        public override IDictionary<object, object?> Items { get => _inner.Items; set => _inner.Items = value; }

        public override IDuplexPipe Transport { get => _inner.Transport; set => _inner.Transport = value; }

        public override CancellationToken ConnectionClosed { get => _inner.ConnectionClosed; set => _inner.ConnectionClosed = value; }

        public override EndPoint? LocalEndPoint { get => _inner.LocalEndPoint; set => _inner.LocalEndPoint = value; }

        public override EndPoint? RemoteEndPoint { get => _inner.RemoteEndPoint; set => _inner.RemoteEndPoint = value; }

        public void Begin()
        {
            lock (_gate)
            {
                _requests++;
                HasServed = true;
            }
        }

        public void End()
        {
            lock (_gate)
            {
                _requests--;
                Since = Environment.TickCount64;
            }
        }

        /// <summary>Closes it, unless a request came meanwhile.</summary>
        public bool TryGiveUp()
        {
            if (!IsLongIdle) return false;
            Abort(new ConnectionAbortedException("the door is full, and this connection was idle"));
            return true;
        }

        public override void Abort(ConnectionAbortedException abortReason) => _inner.Abort(abortReason);

        public override async ValueTask DisposeAsync()
        {
            await _inner.DisposeAsync().ConfigureAwait(false);
            await base.DisposeAsync().ConfigureAwait(false);
            Interlocked.Exchange(ref _closed, null)?.Invoke(this);
        }
    }
}
