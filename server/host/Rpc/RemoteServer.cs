using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Btx.Server.Rpc;

/// <summary>A server reached by gRPC; its refusals are <see cref="BtxException"/>, as everywhere below.</summary>
internal sealed class RemoteServer : Interceptor, IInference, IDisposable
{
    private readonly Uri _address;
    private readonly string _option, _remedy;
    private readonly GrpcChannel _channel;
    private readonly Metadata _headers = [];
    private readonly ClientTls _tls;

    /// <param name="option">What named the address, for messages.</param>
    /// <param name="address">ADDRESS:PORT, or an http or https URL.</param>
    /// <param name="remedy">What to do where no server listens.</param>
    /// <param name="key">Of the server; null: none is sent.</param>
    /// <param name="patience">See <see cref="Patience"/>.</param>
    /// <param name="tls">How the two know each other, at an https URL.</param>
    /// <exception cref="BtxException">The address or a file cannot be read.</exception>
    public RemoteServer(string option, string address, string remedy, string? key = null, TimeSpan? patience = null, ClientTls? tls = null)
    {
        (_option, _remedy, _tls, Patience) = (option, remedy, tls ?? new(), patience ?? TimeSpan.FromSeconds(30));
        _address = Read(address) ?? throw new BtxException($"{option} {BtxException.OneLine(address, 100)}: not a server's address; "
            + $"expected ADDRESS:PORT, for example {ServerFlag.Usual}, or a URL");
        if (key is not null) _headers.Add("authorization", $"Bearer {key}");
        _channel = GrpcChannel.ForAddress(_address,
            new() { MaxReceiveMessageSize = null, HttpHandler = _tls.Handler(), DisposeHttpClient = true });
        var invoker = _channel.Intercept(this);
        (Inference, Forest) = (new(invoker), new(invoker));
    }

    public V1.Inference.InferenceClient Inference { get; }

    public V1.Forest.ForestClient Forest { get; }

    /// <summary>Whether the server runs on this machine, so that both mean the same by a path.</summary>
    public bool IsLoopback => _address.IsLoopback;

    /// <summary>How long a call that only reads the forest may take.</summary>
    public TimeSpan Patience { get; }

    public IAsyncEnumerable<V1.GenerateResponse> GenerateAsync(V1.GenerateRequest request, CancellationToken cancellation) =>
        ReadAsync(Inference.Generate(request, cancellationToken: cancellation), cancellation);

    public async Task<V1.ScoreResponse> ScoreAsync(V1.ScoreRequest request, CancellationToken cancellation) =>
        await Inference.ScoreAsync(request, cancellationToken: cancellation);

    public async Task<V1.DescribeResponse> DescribeAsync(CancellationToken cancellation) =>
        await Inference.DescribeAsync(new(), cancellationToken: cancellation);

    /// <summary>What a call streams; the call ends with the reading.</summary>
    public static async IAsyncEnumerable<T> ReadAsync<T>(AsyncServerStreamingCall<T> call,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using (call)
        {
            while (await call.ResponseStream.MoveNext(cancellation)) yield return call.ResponseStream.Current;
        }
    }

    public override AsyncUnaryCall<TResponse> AsyncUnaryCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context, AsyncUnaryCallContinuation<TRequest, TResponse> continuation)
    {
        var options = context.Options.WithHeaders(_headers);
        if (context.Method.ServiceName == V1.Forest.Descriptor.FullName) options = options.WithDeadline(DateTime.UtcNow + Patience);
        var call = continuation(request, new(context.Method, context.Host, options));
        return new(Try(() => call.ResponseAsync, options.CancellationToken), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers,
            call.Dispose);
    }

    public override AsyncServerStreamingCall<TResponse> AsyncServerStreamingCall<TRequest, TResponse>(TRequest request,
        ClientInterceptorContext<TRequest, TResponse> context, AsyncServerStreamingCallContinuation<TRequest, TResponse> continuation)
    {
        var call = continuation(request, new(context.Method, context.Host, context.Options.WithHeaders(_headers)));
        return new(new Stream<TResponse>(this, call.ResponseStream), call.ResponseHeadersAsync, call.GetStatus, call.GetTrailers,
            call.Dispose);
    }

    /// <summary>The headers of a stream that sends them at once.</summary>
    /// <exception cref="BtxException">As <see cref="Try"/>; or they do not come within <see cref="Patience"/>.</exception>
    public Task HeadersAsync(Task<Metadata> headers, CancellationToken cancellation) =>
        Try(() => headers.WaitAsync(Patience, cancellation), cancellation);

    public void Dispose() => _channel.Dispose();

    /// <exception cref="BtxException">The server refused, or there is none.</exception>
    internal async Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellation)
    {
        try
        {
            return await call();
        }
        catch (RpcException) when (cancellation.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellation);
        }
        catch (Exception e) when (e is TimeoutException or RpcException { StatusCode: StatusCode.DeadlineExceeded })
        {
            throw Silent(e);
        }
        catch (RpcException e)
        {
            throw new BtxException(await ReasonAsync(e), e);
        }
    }

    // ADDRESS alone would mean port 80, which is never meant.
    private static Uri? Read(string address)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!hasScheme && !address.Contains(':', StringComparison.Ordinal)) return null;
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)) return null;
        return uri is { Scheme: "http" or "https", PathAndQuery: "/", Host.Length: > 0, UserInfo.Length: 0 } ? uri : null;
    }

    private string Name => _address.GetLeftPart(UriPartial.Authority);

    private async Task<string> ReasonAsync(RpcException e)
    {
        // A status that came from the server came by gRPC, whatever else its port speaks.
        var mayBeHttp = e.Status.DebugException is not null
            && e.StatusCode is StatusCode.Unavailable or StatusCode.Internal or StatusCode.Unknown or StatusCode.Unimplemented;
        if (mayBeHttp && await IsHttpAsync())
            return $"{Name} speaks HTTP/1.1, so it is the HTTP port of a server and not its gRPC port; name that with {_option} "
                + $"(`serve` prints both; {ServerFlag.Usual} unless told otherwise)";
        if (Causes(e).OfType<AuthenticationException>().FirstOrDefault() is { } untrusted)
            return $"{Name} has no TLS that this client and it agree on: {BtxException.OneLine(untrusted.Message)}; --server-ca FILE names "
                + "the CA of its certificate";
        if (e.StatusCode == StatusCode.Unavailable && HasSocketError(e)) return $"no server listens at {Name}; {_remedy}";
        if (HasBrokenStream(e)) return $"the server at {Name} went away before its answer ended; {_remedy}";
        return e.Status.Detail.Length > 0 ? e.Status.Detail : $"the server answered {e.StatusCode}";
    }

    // A gRPC port answers HTTP/1.1 with 400, or not at all.
    private async Task<bool> IsHttpAsync()
    {
        try
        {
            using var http = new HttpClient(_tls.Handler()) { Timeout = Patience };
            using var response = await http.GetAsync(new Uri(_address, "/health"));
            return response.StatusCode != System.Net.HttpStatusCode.BadRequest;
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException)
        {
            return false;
        }
    }

    private BtxException Silent(Exception e) =>
        new($"the server at {Name} took the call and gave no answer within {Patience.TotalSeconds:0.#} s; is it one of btx, and does it "
            + "run (not stopped, not out of memory)?", e);

    private static bool HasBrokenStream(Exception e) =>
        Causes(e).Any(cause => cause is HttpIOException { HttpRequestError: HttpRequestError.ResponseEnded });

    private static bool HasSocketError(Exception e) => Causes(e).Any(cause => cause is SocketException
        or HttpRequestException { HttpRequestError: HttpRequestError.ConnectionError or HttpRequestError.NameResolutionError });

    private static IEnumerable<Exception> Causes(Exception? e)
    {
        for (; e is not null; e = e.InnerException) yield return e;
    }

    private sealed class Stream<T>(RemoteServer server, IAsyncStreamReader<T> stream) : IAsyncStreamReader<T>
    {
        public T Current => stream.Current;

        public Task<bool> MoveNext(CancellationToken cancellationToken) =>
            server.Try(() => stream.MoveNext(cancellationToken), cancellationToken);
    }
}
