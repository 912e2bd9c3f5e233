using Microsoft.AspNetCore.Connections.Features;

namespace Btx.Server.Listeners;

/// <summary>A connection that is counted, and how long it has been idle.</summary>
internal sealed class CountedConnection
{
    private static readonly TimeSpan s_beforeFirst = TimeSpan.FromSeconds(1), s_between = TimeSpan.FromSeconds(5);
    private readonly Lock _gate = new();
    private Action<CountedConnection>? _left;
    private int _requests;
    private bool _isRefused;

    public CountedConnection(string listener, ConnectionContext connection, Action<CountedConnection> left)
    {
        (Listener, Connection, _left, Since) = (listener, connection, left, Environment.TickCount64);
        connection.Items[typeof(CountedConnection)] = this;
    }

    /// <summary>Null: the request came by no connection that is counted.</summary>
    public static CountedConnection? Of(HttpContext http) => Of(http.Features);

    /// <inheritdoc cref="Of(HttpContext)"/>
    public static CountedConnection? Of(IFeatureCollection request) =>
        request.Get<IConnectionItemsFeature>()?.Items.TryGetValue(typeof(CountedConnection), out var item) == true
            ? (CountedConnection)item! : null;

    /// <summary>The name of the listener that it came in by.</summary>
    public string Listener { get; }

    public ConnectionContext Connection { get; }

    /// <summary>When it was opened or its last request ended, in milliseconds.</summary>
    public long Since { get; private set; }

    public bool HasServed { get; private set; }

    /// <summary>It came when all places were taken, and gets one answer.</summary>
    public bool IsReserve { get; set; }

    public bool HasLeft => Volatile.Read(ref _left) is null;

    /// <summary>Nothing came for a second, or since the last request for five.</summary>
    public bool IsLongIdle
    {
        get
        {
            var enough = (HasServed ? s_between : s_beforeFirst).TotalMilliseconds;
            lock (_gate) return _requests == 0 && Environment.TickCount64 - Since >= enough;
        }
    }

    /// <returns>False: it was refused already.</returns>
    public bool Begin()
    {
        lock (_gate) (_requests, HasServed) = (_requests + 1, true);
        return !_isRefused;
    }

    public void End()
    {
        lock (_gate) (_requests, Since) = (_requests - 1, Environment.TickCount64);
    }

    /// <returns>False: a request came first.</returns>
    public bool TryRefuse()
    {
        lock (_gate) return _isRefused = !HasServed;
    }

    /// <summary>Closes it, unless a request came meanwhile.</summary>
    public bool TryGiveUp()
    {
        if (!IsLongIdle) return false;
        Connection.Abort(new ConnectionAbortedException("all places are taken, and this connection was idle"));
        return true;
    }

    /// <summary>Its place is free. Idempotent.</summary>
    public void Leave() => Interlocked.Exchange(ref _left, null)?.Invoke(this);
}
