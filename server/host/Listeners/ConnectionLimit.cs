using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Threading.Channels;
using Btx.Server.Http;
using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Listeners;

/// <summary>Sockets of which each listener has at most so many. One more takes the place of one that has long been idle, or is told that
/// there is none, from a reserve of a few; one of the reserve that asks for health is answered.</summary>
internal sealed class ConnectionLimit(IConnectionListenerFactory sockets, ServerOptions options, Refusals refusals)
    : IConnectionListenerFactory
{
    private const int Most = 8192, Fewest = 4;
    private const int WhileLoading = 64; // where the process may open many files
    private const int Reserve = 3; // of a listener, open until it is seen what they ask for
    private const int Later = 48; // files for what is loaded when first needed, and for changes; or an eighth of all

    private const string Full = "as many connections are open as this port takes; try again";
    private static readonly byte[] s_error = OpenAiError.Of(new RequestProblem(null, Full, ErrorKind.Busy)).ToJson();
    private static readonly byte[] s_answer = [.. Encoding.ASCII.GetBytes("HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n"
        + $"content-type: application/json\r\ncontent-length: {s_error.Length}\r\nconnection: close\r\n\r\n"), .. s_error];

    private readonly ConcurrentBag<LimitedListener> _listeners = [];

    /// <summary>At each listener: as told, or as many as the process may open files beyond its own. Until the forest is loaded nobody knows
    /// how many these are, and a few must do.</summary>
    public int PerListener { get; private set; } = options.Connections ?? (OpenFiles.Limit >= 16 * WhileLoading ? WhileLoading : Fewest);

    /// <summary>The forest is loaded: no more files are opened for it.</summary>
    /// <exception cref="BtxException">There are too few files for any connection.</exception>
    public void Settle()
    {
        var own = OpenFiles.Count - _listeners.Sum(listener => listener.Open);
        PerListener = options.Connections ?? Of(OpenFiles.Limit, own, options.Addresses.Count);
        foreach (var listener in _listeners) listener.Widen(PerListener);
    }

    /// <param name="limit">How many files the process may open.</param>
    /// <param name="open">How many it has.</param>
    public static int Of(ulong limit, int open, int listeners)
    {
        var left = limit - Math.Min(limit, (ulong)open + Math.Max(Later, limit / 8) + (ulong)(listeners * Reserve));
        return left / (ulong)listeners >= Fewest
            ? (int)Math.Min(Most, left / (ulong)listeners)
            : throw new BtxException($"this process may open {limit} files and has {open} open: too few are left for connections; raise "
                + "the limit (`ulimit -n 4096`)");
    }

    /// <summary>Middleware of connections: the place of one that has ended is free.</summary>
    public static async Task LeaveAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            await next(connection);
        }
        finally
        {
            (connection.Items[typeof(CountedConnection)] as CountedConnection)?.Leave();
        }
    }

    /// <summary>Middleware: a connection with a request under way is not idle; one of the reserve gets one answer, about health.</summary>
    public async Task ServeAsync(HttpContext http, RequestDelegate next)
    {
        var connection = CountedConnection.Of(http);
        if (connection?.Begin() == false)
        {
            http.Abort();
            return;
        }

        try
        {
            if (connection is { IsReserve: true }) http.Features.Get<IConnectionLifetimeNotificationFeature>()?.RequestClose();
            if (connection is { IsReserve: true } && !IsForHealth(http.Request)) await RefuseAsync(http);
            else await next(http);
        }
        finally
        {
            connection?.End();
        }
    }

    private static bool IsForHealth(HttpRequest request) => Listener.IsGrpc(request.HttpContext)
        ? request.Path == "/grpc.health.v1.Health/Check"
        : request.Path.StartsWithSegments("/health") && request is { ContentLength: null, Headers.TransferEncoding.Count: 0 };

    private Task RefuseAsync(HttpContext http)
    {
        refusals.Add(Listener.Of(http), new(Refusal.Connections, Full), "connections", null, http.Connection.RemoteIpAddress?.ToString());
        if (Listener.IsGrpc(http)) return RpcStatus.WriteAsync(http, StatusCode.Unavailable, Full, "server_busy", TimeSpan.FromSeconds(1));
        HalfClosed.GiveUp(http);
        (http.Response.StatusCode, http.Response.ContentLength) = (StatusCodes.Status503ServiceUnavailable, s_error.Length);
        (http.Response.Headers.RetryAfter, http.Response.Headers.Connection) = ("1", "close");
        http.Response.ContentType = "application/json";
        return http.Response.Body.WriteAsync(s_error, http.RequestAborted).AsTask();
    }

    public async ValueTask<IConnectionListener> BindAsync(EndPoint endpoint, CancellationToken cancellationToken = default)
    {
        if (endpoint is SharedPort shared) return shared; // its connections are counted where they came in
        var bound = await sockets.BindAsync(endpoint, cancellationToken);
        var name = options.Addresses.First(address => ReferenceEquals(address.EndPoint, endpoint)).Listener; // several may name port 0
        var listener = new LimitedListener(bound, PerListener, name, options.Tls.IsGiven, refusals);
        _listeners.Add(listener);
        return listener;
    }

    private sealed class LimitedListener(IConnectionListener inner, int limit, string name, bool hasTls, Refusals refusals)
        : IConnectionListener
    {
        private static readonly TimeSpan s_patience = TimeSpan.FromMilliseconds(500);
        private readonly SemaphoreSlim _room = new(limit + Reserve);
        private volatile int _limit = limit;
        private readonly ConcurrentDictionary<CountedConnection, byte> _open = new();
        private readonly Channel<ConnectionContext> _taken = Channel.CreateUnbounded<ConnectionContext>();
        private readonly CancellationTokenSource _unbound = new();
        private readonly List<CancellationTokenSource> _looking = [];
        private Task? _accepting;

        public EndPoint EndPoint => inner.EndPoint;

        public int Open => _open.Count;

        /// <summary>Fewer than before are not: those that there are have their files.</summary>
        public void Widen(int to)
        {
            if (to <= _limit) return;
            _room.Release(to - _limit);
            _limit = to;
        }

        public async ValueTask<ConnectionContext?> AcceptAsync(CancellationToken cancellationToken = default)
        {
            _accepting ??= AcceptAllAsync();
            while (await _taken.Reader.WaitToReadAsync(cancellationToken))
            {
                if (_taken.Reader.TryRead(out var connection)) return connection;
            }

            return null;
        }

        public async ValueTask UnbindAsync(CancellationToken cancellationToken = default)
        {
            await _unbound.CancelAsync();
            await inner.UnbindAsync(cancellationToken);
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();

        private async Task AcceptAllAsync()
        {
            Exception? failure = null;
            try
            {
                while (true)
                {
                    await _room.WaitAsync(_unbound.Token);
                    if (await inner.AcceptAsync(CancellationToken.None) is not { } connection) break;
                    var counted = new CountedConnection(name, connection, Leave);
                    counted.IsReserve = _open.Count >= _limit && !MakesRoom();
                    if (!counted.IsReserve) _open[counted] = 0;
                    _taken.Writer.TryWrite(connection);
                    if (counted.IsReserve) _ = GiveUpAsync(counted);
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

        private void Leave(CountedConnection connection)
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

        /// <summary>Closes one of the reserve that asks for nothing in a moment, or keeps back or does not read the rest.</summary>
        private async Task GiveUpAsync(CountedConnection connection)
        {
            using var patience = new CancellationTokenSource(s_patience);
            lock (_looking)
            {
                _looking.Add(patience);
                if (_looking.Count >= Reserve) _looking[0].CancelAfter(TimeSpan.Zero);
            }

            await Task.Delay(Timeout.Infinite, patience.Token).ContinueWith(_ => { }, TaskScheduler.Default);
            lock (_looking) _looking.Remove(patience);
            if (!connection.TryRefuse())
            {
                await Task.Delay(s_patience);
                if (connection.HasLeft) return;
                Count("a health check did not end in time", connection);
                connection.Connection.Abort(new ConnectionAbortedException("all places are taken, and its health check did not end"));
                return;
            }

            Count("one more was refused", connection);
            if (hasTls)
            {
                connection.Connection.Abort(new ConnectionAbortedException("all places are taken")); // it understands no clear text
                return;
            }

            var output = connection.Connection.Transport.Output;
            if (name == Listener.Http) await output.WriteAsync(s_answer);
            await output.CompleteAsync(); // closes it once that is sent
        }

        private void Count(string what, CountedConnection connection)
        {
            var refusal = new Refusal(Refusal.Connections, $"{_limit} connections are open, as many as this port takes; {what}");
            refusals.Add(name, refusal, "connections", null, connection.Connection.RemoteEndPoint?.ToString());
        }
    }
}
