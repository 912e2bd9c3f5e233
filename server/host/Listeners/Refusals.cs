using System.Collections.Concurrent;
using System.Diagnostics;
using Prometheus;

namespace Btx.Server.Listeners;

/// <summary>Counts what is refused, and logs of each listener and reason one line in ten seconds at most. Thread-safe.</summary>
internal sealed partial class Refusals(CollectorRegistry registry, ILogger<Refusals> log, TimeProvider time)
{
    private const string KestrelsBadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";
    private static readonly TimeSpan s_between = TimeSpan.FromSeconds(10);
    private readonly Counter _count = Prometheus.Metrics.WithCustomRegistry(registry)
        .CreateCounter("btx_refusals_total", "Requests and connections that were refused, or failed, by door (http, grpc, admin) and "
            + "reason.", ["door", "reason"]);

    private readonly ConcurrentDictionary<(string Listener, string Reason), Line> _lines = new();

    /// <summary>Counts what was refused to a request, after the rest of the pipeline.</summary>
    public async Task RecordAsync(HttpContext http, RequestDelegate next)
    {
        await next(http);
        var refusal = http.Features.Get<Refusal>() ?? (Listener.IsGrpc(http) ? RpcStatus.RefusalOf(http) : null);
        var status = http.Response.StatusCode;
        if (refusal is null && status < 500 && Refusal.ReasonOf(status) is { } reason) refusal = new(reason, $"status {status}");
        if (refusal is null) return;
        Add(Listener.Of(http), refusal, $"{http.Request.Method} {http.Request.Path}", http.TraceIdentifier,
            http.Connection.RemoteIpAddress?.ToString());
    }

    /// <summary>What the HTTP parser itself refuses never reaches the pipeline.</summary>
    public IDisposable Watch(DiagnosticListener listener) => listener.Subscribe(
        new Observer(features =>
        {
            if (features.Get<Refusal>() is not null
                || features.Get<IBadRequestExceptionFeature>()?.Error is not BadHttpRequestException bad)
                return;
            var client = features.Get<IHttpConnectionFeature>()?.RemoteIpAddress?.ToString();
            var listener = CountedConnection.Of(features)?.Listener ?? Listener.Http;
            Add(listener, new(Refusal.ReasonOf(bad.StatusCode) ?? Refusal.InvalidRequest, bad.Message), "not a request", null, client);
        }),
        (name, _, _) => name == KestrelsBadRequest);

    /// <param name="what">Method and path; quoted in the log.</param>
    public void Add(string listener, Refusal refusal, string what, string? requestId, string? client)
    {
        _count.WithLabels(listener, refusal.Reason).Inc();
        if (_lines.GetOrAdd((listener, refusal.Reason), _ => new()).Next(time) is not { } unsaid) return;
        var more = unsaid == 0 ? "" : $" (and {unsaid} more since the last such line)";
        var (asked, message) = (BtxException.OneLine(what), BtxException.OneLine(refusal.Logged));
        if (refusal.Unexpected is { } failure) LogFailure(log, failure, listener, asked, client, requestId, more);
        else LogRefusal(log, listener, refusal.Reason, asked, message, client, requestId, more);
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Listener} listener, refused ({Reason}): {What}: {Message} [client {Client}, request {RequestId}]{More}")]
    private static partial void LogRefusal(ILogger logger, string listener, string reason, string what, string message,
        string? client, string? requestId, string more);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Listener} listener, failed: {What} [client {Client}, request {RequestId}]{More}")]
    private static partial void LogFailure(ILogger logger, Exception failure, string listener, string what, string? client,
        string? requestId, string more);

    private sealed class Line
    {
        private readonly Lock _gate = new();
        private long? _last;
        private int _unsaid;

        /// <summary>Null: a line was written lately; else how many were not since.</summary>
        public int? Next(TimeProvider time)
        {
            lock (_gate)
            {
                var now = time.GetTimestamp();
                if (_last is { } last && time.GetElapsedTime(last, now) < s_between)
                {
                    _unsaid++;
                    return null;
                }

                var unsaid = _unsaid;
                (_last, _unsaid) = (now, 0);
                return unsaid;
            }
        }
    }

    private sealed class Observer(Action<IFeatureCollection> observe) : IObserver<KeyValuePair<string, object?>>
    {
        public void OnNext(KeyValuePair<string, object?> value)
        {
            if (value.Value is IFeatureCollection features) observe(features);
        }

        public void OnCompleted()
        {
        }

        public void OnError(Exception error)
        {
        }
    }
}

/// <summary>What a request was refused with; left with it as a feature by whoever refuses, for <see cref="Refusals"/>.</summary>
/// <param name="Reason">A label of the metrics: one of a few.</param>
/// <param name="Message">What the client was told.</param>
/// <param name="Unexpected">A failure that is the server's own; null: the request's.</param>
internal sealed record Refusal(string Reason, string Message, Exception? Unexpected = null)
{
    private const int LongestName = 40;

    /// <summary>The field of the request that is at fault. The message may quote what stands in it, be it a prompt or a secret, so the log
    /// names the field alone. Null: the message quotes nothing of a request's.</summary>
    public string? Field { get; init; }

    /// <summary>What the log may say.</summary>
    public string Logged => Field is null ? Message : Field.Length <= LongestName
        && Field.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '.' or '[' or ']') ? $"{Field}; the client was told why"
        : "an unknown field; the client was told why";

    public const string InvalidRequest = "invalid_request";
    public const string Busy = "busy";
    public const string Connections = "connections";
    public const string Internal = "internal";

    /// <summary>The reason of a status of HTTP; null: it is none of a refusal.</summary>
    public static string? ReasonOf(int status) => status switch
    {
        < 400 => null,
        StatusCodes.Status401Unauthorized => "unauthenticated",
        StatusCodes.Status403Forbidden => "forbidden",
        StatusCodes.Status404NotFound => "not_found",
        StatusCodes.Status405MethodNotAllowed or StatusCodes.Status415UnsupportedMediaType => "unsupported",
        StatusCodes.Status408RequestTimeout => "timeout",
        StatusCodes.Status409Conflict => "conflict",
        StatusCodes.Status413PayloadTooLarge or StatusCodes.Status414UriTooLong
            or StatusCodes.Status431RequestHeaderFieldsTooLarge => "too_large",
        StatusCodes.Status429TooManyRequests => Busy,
        StatusCodes.Status503ServiceUnavailable => "unavailable",
        < 500 or StatusCodes.Status505HttpVersionNotsupported => InvalidRequest,
        _ => Internal,
    };

    /// <summary>The reason of a status of gRPC; null: it is none of a refusal (a client's own deadline and leaving are not).</summary>
    public static string? ReasonOf(StatusCode status) => status switch
    {
        StatusCode.OK or StatusCode.Cancelled or StatusCode.DeadlineExceeded => null,
        StatusCode.Unauthenticated => "unauthenticated",
        StatusCode.PermissionDenied => "forbidden",
        StatusCode.NotFound => "not_found",
        StatusCode.Unimplemented => "unsupported",
        StatusCode.Aborted or StatusCode.FailedPrecondition => "conflict",
        StatusCode.ResourceExhausted => Busy,
        StatusCode.Unavailable => "unavailable",
        StatusCode.InvalidArgument or StatusCode.OutOfRange or StatusCode.AlreadyExists => InvalidRequest,
        _ => Internal,
    };
}
