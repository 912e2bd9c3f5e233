using System.Net.Sockets;
using System.Security.Authentication;
using Grpc.Core.Interceptors;

namespace Btx.Client;

/// <summary>Around every call: the key, the deadline, and failures as <see cref="BtxCallException"/>.</summary>
internal sealed class Calls : Interceptor
{
    private readonly BtxClientOptions _options;
    private readonly Uri _address;
    private readonly ClientTls _tls;
    private readonly Metadata _headers = [];

    public Calls(BtxClientOptions options, Uri address, ClientTls tls)
    {
        (_options, _address, _tls) = (options, address, tls);
        if (options.Key is { } key) _headers.Add("authorization", $"Bearer {key}");
    }

    private string Name => _address.GetLeftPart(UriPartial.Authority);

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var time = context.Method.ServiceName == Forest.Descriptor.FullName ? _options.Patience : _options.Deadline;
        var own = With(context, time);
        var call = continuation(request, own);
        return new(Try(() => call.ResponseAsync, own.Options.CancellationToken), call.ResponseHeadersAsync, call.GetStatus,
            call.GetTrailers, call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        // A change takes what it takes, and events come when they do.
        var time = context.Method.ServiceName == Forest.Descriptor.FullName ? null : _options.Deadline;
        var call = continuation(request, With(context, time));
        return new(new Stream<TResponse>(this, call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers,
            call.Dispose);
    }

    /// <exception cref="BtxCallException">The server refused, or there is none.</exception>
    public async Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call().ConfigureAwait(false);
        }
        catch (RpcException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (Exception e) when (e is TimeoutException or RpcException { StatusCode: StatusCode.DeadlineExceeded })
        {
            throw new BtxCallException(CallFailure.TooLate, $"the server at {Name} took the call and gave no answer within "
                + $"{(_options.Deadline ?? _options.Patience).TotalSeconds:0.#} s; is it one of btx, and does it run (not stopped, "
                + "not out of memory)?", e);
        }
        catch (RpcException e)
        {
            throw await FailureAsync(e).ConfigureAwait(false);
        }
    }

    private ClientInterceptorContext<TRequest, TResponse> With<TRequest, TResponse>(ClientInterceptorContext<TRequest, TResponse> context,
        TimeSpan? time) where TRequest : class where TResponse : class
    {
        var headers = new Metadata();
        foreach (var entry in (context.Options.Headers ?? []).Concat(_headers)) headers.Add(entry);
        var options = context.Options.WithHeaders(headers);
        if (time is { } limit && options.Deadline is null) options = options.WithDeadline(DateTime.UtcNow + limit);
        return new(context.Method, context.Host, options);
    }

    private async Task<BtxCallException> FailureAsync(RpcException e)
    {
        BtxCallException NotReached(string message) => new(CallFailure.NotReached, message, e);
        // A status that came from the server came by gRPC, whatever else its port speaks.
        var mayBeHttp = e.Status.DebugException is not null
            && e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Unimplemented;
        if (mayBeHttp && await IsHttpAsync().ConfigureAwait(false))
            return NotReached($"{Name} speaks HTTP/1.1, so it is the HTTP port of a server and not its gRPC port; name that with "
                + $"{_options.AddressName} (`serve` prints both; 127.0.0.1:8081 unless told otherwise)");
        if (Causes(e).OfType<AuthenticationException>().FirstOrDefault() is { } untrusted)
            return NotReached($"{Name} has no TLS that this client and it agree on: {untrusted.Message}; name the CA of its certificate "
                + "(--server-ca FILE, or ClientTls.CaFile)");
        if (e.StatusCode == StatusCode.Unavailable && HasSocketError(e))
            return NotReached($"no server listens at {Name}; {_options.Remedy}");
        if (Causes(e).Any(cause => cause is HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded }))
            return new(CallFailure.BrokenOff, $"the server at {Name} went away before its answer ended; {_options.Remedy}", e);
        return BtxCallException.Of(e);
    }

    // A gRPC port answers HTTP/1.1 with 400, or not at all.
    private async Task<bool> IsHttpAsync()
    {
        try
        {
            using var http = new HttpClient(_tls.Handler()) { Timeout = _options.Patience };
            using var response = await http.GetAsync(new Uri(_address, "/health")).ConfigureAwait(false);
            return response.StatusCode != System.Net.HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private static bool HasSocketError(Exception e) => Causes(e).Any(cause => cause is SocketException
        or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError });

    private static IEnumerable<Exception> Causes(Exception? e)
    {
        for (; e is not null; e = e.InnerException) yield return e;
    }

    private sealed class Stream<T>(Calls calls, IAsyncStreamReader<T> stream) : IAsyncStreamReader<T>
    {
        public T Current => stream.Current;

        public Task<bool> MoveNext(CancellationToken cancellationToken) =>
            calls.Try(() => stream.MoveNext(cancellationToken), cancellationToken);
    }
}
