using System.Runtime.CompilerServices;
using Grpc.Core.Interceptors;
using Grpc.Net.Client;

namespace Btx.Client;

/// <summary>Where a server is, and how it is called.</summary>
public sealed record BtxClientOptions
{
    /// <summary>Of its gRPC port: ADDRESS:PORT (without TLS), or an http or https URL.</summary>
    public required string Address { get; init; }

    /// <summary>Sent as <c>authorization: Bearer KEY</c>; null: none is.</summary>
    public string? Key { get; init; }

    /// <summary>For an https URL; null: the CAs of the system.</summary>
    public ClientTls? Tls { get; init; }

    /// <summary>How long a call may take; null: as long as it does. A call that only reads the forest always has
    /// <see cref="Patience"/>.</summary>
    public TimeSpan? Deadline { get; init; }

    /// <summary>How long a call that only reads the forest may take, and the headers of a stream that sends them at once.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>What named the address, for messages: an option of a program.</summary>
    public string AddressName { get; init; } = "address";

    /// <summary>For messages: what to do where no server listens.</summary>
    public string Remedy { get; init; } = "start one with `btx serve`";
}

/// <summary>A server, called by gRPC. All its calls throw <see cref="BtxCallException"/>, those of <see cref="Forest"/> too. Thread-safe;
/// one for a whole program is enough.</summary>
public sealed class BtxClient : IInference, IDisposable
{
    private readonly GrpcChannel _channel;
    private readonly Calls _calls;

    /// <exception cref="BtxCallException">The address or a file cannot be read.</exception>
    public BtxClient(BtxClientOptions options)
    {
        Options = options;
        Address = Read(options.Address) ?? throw new BtxCallException(CallFailure.NotMade, $"{options.AddressName} "
            + $"{Cut(options.Address)}: not a server's address; expected ADDRESS:PORT, for example 127.0.0.1:8081, or a URL");
        var tls = options.Tls ?? new();
        _channel = GrpcChannel.ForAddress(Address,
            new() { MaxReceiveMessageSize = null, HttpHandler = tls.Handler(), DisposeHttpClient = true });
        _calls = new(options, Address, tls);
        var invoker = _channel.Intercept(_calls);
        (Inference, Forest) = (new(invoker), new(invoker));
    }

    /// <param name="address">See <see cref="BtxClientOptions.Address"/>.</param>
    /// <param name="key">See <see cref="BtxClientOptions.Key"/>.</param>
    public BtxClient(string address, string? key = null) : this(new BtxClientOptions { Address = address, Key = key })
    {
    }

    /// <summary>As they were given.</summary>
    public BtxClientOptions Options { get; }

    /// <summary>Of the server.</summary>
    public Uri Address { get; }

    /// <summary>The service for text, with everything that its messages have.</summary>
    public Inference.InferenceClient Inference { get; }

    /// <summary>The service that looks at the served forest and changes it.</summary>
    public Forest.ForestClient Forest { get; }

    /// <inheritdoc/>
    public IAsyncEnumerable<GenerateResponse> GenerateAsync(GenerateRequest request, CancellationToken cancellation = default) =>
        ReadAsync(() => Inference.Generate(request, cancellationToken: cancellation), cancellation);

    /// <inheritdoc/>
    public IAsyncEnumerable<ChatResponse> ChatAsync(ChatRequest request, CancellationToken cancellation = default) =>
        ReadAsync(() => Inference.Chat(request, cancellationToken: cancellation), cancellation);

    /// <inheritdoc/>
    public async Task<ScoreResponse> ScoreAsync(ScoreRequest request, CancellationToken cancellation = default) =>
        await Inference.ScoreAsync(request, cancellationToken: cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<TokenizeResponse> TokenizeAsync(TokenizeRequest request, CancellationToken cancellation = default) =>
        await Inference.TokenizeAsync(request, cancellationToken: cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<DetokenizeResponse> DetokenizeAsync(DetokenizeRequest request, CancellationToken cancellation = default) =>
        await Inference.DetokenizeAsync(request, cancellationToken: cancellation).ConfigureAwait(false);

    /// <inheritdoc/>
    public async Task<DescribeResponse> DescribeAsync(CancellationToken cancellation = default) =>
        await Inference.DescribeAsync(new(), cancellationToken: cancellation).ConfigureAwait(false);

    /// <summary>What a call streams; the call ends with the reading.</summary>
    public static IAsyncEnumerable<T> ReadAsync<T>(AsyncServerStreamingCall<T> call, CancellationToken cancellation = default) =>
        ReadAsync(() => call, cancellation);

    /// <summary>The headers of a stream that sends them at once, as <c>Watch</c> does.</summary>
    public Task HeadersAsync(Task<Metadata> headers, CancellationToken cancellation = default) =>
        _calls.Try(() => headers.WaitAsync(Options.Patience, cancellation), cancellation);

    /// <inheritdoc/>
    public void Dispose() => _channel.Dispose();

    /// <summary>For tests: what a call's failure is told as.</summary>
    internal Task<T> Try<T>(Func<Task<T>> call, CancellationToken cancellation) => _calls.Try(call, cancellation);

    private static async IAsyncEnumerable<T> ReadAsync<T>(Func<AsyncServerStreamingCall<T>> begin,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var call = begin();
        while (await call.ResponseStream.MoveNext(cancellation).ConfigureAwait(false)) yield return call.ResponseStream.Current;
    }

    // ADDRESS alone would mean port 80, which is never meant.
    private static Uri? Read(string address)
    {
        var hasScheme = address.Contains("://", StringComparison.Ordinal);
        if (!hasScheme && !address.Contains(':', StringComparison.Ordinal)) return null;
        if (!Uri.TryCreate(hasScheme ? address : $"http://{address}", UriKind.Absolute, out var uri)) return null;
        return uri is { Scheme: "http" or "https", PathAndQuery: "/", Host.Length: > 0, UserInfo.Length: 0 } ? uri : null;
    }

    private static string Cut(string text) => text.Length > 100 ? text[..100] + "…" : text;
}
