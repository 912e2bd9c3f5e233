namespace Grpc.Core;

/// <summary>The call-specific callbacks behind the four Async…Call types; either closures or one state object with static callbacks.</summary>
internal readonly struct AsyncCallState
{
    private readonly object? _state;
    private readonly Delegate _headers;
    private readonly Delegate _status;
    private readonly Delegate _trailers;
    private readonly Delegate _dispose;
    private readonly bool _stateful;

    public AsyncCallState(Task<Metadata> headers, Func<Status> status, Func<Metadata> trailers, Action dispose)
    {
        _state = headers;
        _headers = static () => { };
        (_status, _trailers, _dispose, _stateful) = (status, trailers, dispose, false);
    }

    public AsyncCallState(
        Func<object, Task<Metadata>> headers, Func<object, Status> status, Func<object, Metadata> trailers, Action<object> dispose, object state)
    {
        _state = state;
        (_headers, _status, _trailers, _dispose, _stateful) = (headers, status, trailers, dispose, true);
    }

    public Task<Metadata> ResponseHeadersAsync() =>
        _stateful ? ((Func<object, Task<Metadata>>)_headers)(_state!) : (Task<Metadata>)_state!;

    public Status GetStatus() => _stateful ? ((Func<object, Status>)_status)(_state!) : ((Func<Status>)_status)();

    public Metadata GetTrailers() => _stateful ? ((Func<object, Metadata>)_trailers)(_state!) : ((Func<Metadata>)_trailers)();

    public void Dispose()
    {
        if (_stateful) ((Action<object>)_dispose)(_state!);
        else ((Action)_dispose)();
    }
}
