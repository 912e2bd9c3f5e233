using System.Collections.Concurrent;
using System.IO.Pipelines;
using System.Net;
using System.Threading.Channels;
using Btx.Model;
using Btx.Server.Rpc;
using Grpc.Core;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http.Features;

namespace Btx.Server.Listeners;

/// <summary>
/// Sockets of which each listener has at most so many. One more takes the place of one that has long been idle; where there is none it is
/// told so, and closed. No more are accepted than a reserve of a few that are being told, so that a burst cannot use up the files that the
/// process may open. Who asks for health is answered from the reserve, or a supervisor would restart a server that has only many clients.
/// </summary>
/// <param name="connections">At each listener; null: as many as the process may open files beyond its own.</param>
/// <param name="http">Where HTTP is listened for; the other listener is for gRPC.</param>
internal sealed class ConnectionLimit(IConnectionListenerFactory sockets, int? connections, EndPoint http, Refusals refusals)
    : IConnectionListenerFactory
{
    private const int Most = 8192;
    private const int Fewest = 4;

    /// <summary>Connections of a listener that are open while it is seen what they ask for.</summary>
    private const int Reserve = 3;

    /// <summary>Files for libraries that are loaded when first needed, and for changes; an eighth of all where that is more.</summary>
    private const int Later = 64;

    private const string HealthCheck = "/grpc.health.v1.Health/Check";

    private static readonly byte[] s_full =
        "HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"u8.ToArray();

    /// <summary>Known once the forest is loaded, before anything is listened for.</summary>
    /// <exception cref="BtxException">There are too few files for any.</exception>
    public int PerListener { get; } = connections ?? Of(OpenFiles.Limit, OpenFiles.Count);

    /// <param name="limit">How many files the process may open.</param>
    /// <param name="open">How many it has.</param>
    public static int Of(ulong limit, int open)
    {
        var left = limit - Math.Min(limit, (ulong)open + Math.Max(Later, limit / 8) + (2 * Reserve));
        return left / 2 >= Fewest
            ? (int)Math.Min(Most, left / 2)
            : throw new BtxException($"this process may open {limit} files and has {open} open: too few are left for connections; raise "
                + "the limit (`ulimit -n 4096`)");
    }

    /// <summary>Middleware: a connection with a request in progress is not idle; one of the reserve gets one answer.</summary>
    public static async Task KeepBusyAsync(HttpContext http, RequestDelegate next)
    {
        var connection = ConnectionOf(http);
        if (connection is { IsReserve: true }) http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
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

    /// <summary>Middleware of gRPC: the reserve is for health; the first listener has looked at HTTP's bytes already.</summary>
    public static Task RefuseAsync(HttpContext http, RequestDelegate next)
    {
        if (ConnectionOf(http) is not { IsReserve: true } || !Listener.IsGrpc(http) || http.Request.Path == HealthCheck) return next(http);
        const string Full = "as many connections are open as this port takes; try again";
        http.Features.Set(new Refusal(Refusal.Connections, Full));
        return RpcStatus.WriteAsync(http, StatusCode.Unavailable, Full);
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        var bound = await sockets.BindAsync(endpoint, cancellationToken).ConfigureAwait(false);
        var name = ReferenceEquals(endpoint, http) ? Listener.Http : Listener.Grpc; // both may name port 0
        return new LimitedListener(bound, PerListener, name, refusals);
    }

    private static Counted? ConnectionOf(HttpContext http) =>
        http.Features.Get<IConnectionItemsFeature>()?.Items.TryGetValue(typeof(Counted), out var item) == true ? (Counted)item! : null;

    private sealed class LimitedListener(IConnectionListener inner, int limit, string name, Refusals refusals) : IConnectionListener
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(250), s_grpcPatience = TimeSpan.FromSeconds(1);
        private readonly SemaphoreSlim _room = new(limit + Reserve);
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
                        counted.IsReserve = true;
                        _ = name == Listener.Http ? ReserveHttpAsync(counted) : ReserveGrpcAsync(counted);
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

        /// <summary>Handed on only if its bytes ask for health.</summary>
        private async Task ReserveHttpAsync(Counted connection)
        {
            var asks = await LookAsync(s_patience, patience => HealthRequest.IsAskedForAsync(connection.Transport.Input, patience))
                .ConfigureAwait(false);
            if (asks && _taken.Writer.TryWrite(connection)) return;
            await using (connection.ConfigureAwait(false))
            {
                Count("one more was refused", connection);
                await connection.Transport.Output.WriteAsync(s_full).ConfigureAwait(false);
                await connection.Transport.Output.CompleteAsync().ConfigureAwait(false);
            }
        }

        /// <summary>What it asks for is compressed, so <see cref="RefuseAsync"/> sees it; one that asks for nothing is closed.</summary>
        private async Task ReserveGrpcAsync(Counted connection)
        {
            if (!_taken.Writer.TryWrite(connection)) return;
            await LookAsync(s_grpcPatience, async patience =>
            {
                await Task.Delay(Timeout.Infinite, patience).ContinueWith(_ => { }, TaskScheduler.Default).ConfigureAwait(false);
                return connection.HasServed;
            }).ConfigureAwait(false);
            if (connection.HasServed) return;
            Count("one more was refused", connection);
            connection.Abort(new ConnectionAbortedException("as many connections are open as this port takes"));
        }

        /// <summary>Waits a moment for what a connection asks, less where the next ones need its place.</summary>
        private async Task<bool> LookAsync(TimeSpan time, Func<CancellationToken, Task<bool>> look)
        {
            using var patience = new CancellationTokenSource(time);
            lock (_looking)
            {
                _looking.Add(patience);
                if (_looking.Count >= Reserve) _looking[0].CancelAfter(TimeSpan.Zero);
            }

            var asks = await look(patience.Token).ConfigureAwait(false);
            lock (_looking) _looking.Remove(patience);
            return asks;
        }

        private void Count(string what, ConnectionContext connection)
        {
            var refusal = new Refusal(Refusal.Connections, $"{limit} connections are open, as many as this port takes; {what}");
            refusals.Add(name, refusal, "connections", null, connection.RemoteEndPoint?.ToString());
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

        /// <summary>It came when all places were taken, and gets one answer.</summary>
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
            Abort(new ConnectionAbortedException("all places are taken, and this connection was idle"));
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
