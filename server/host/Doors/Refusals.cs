using System.Collections.Concurrent;
using System.Diagnostics;
using Btx.Model;
using Btx.Server.Rpc;
using Microsoft.AspNetCore.Http.Features;
using Prometheus;

namespace Btx.Server.Doors;

/// <summary>
/// Counts what the doors refuse, and logs it: for each door and reason one line in ten seconds at most, however many clients ask for more.
/// Thread-safe.
/// </summary>
internal sealed partial class Refusals(CollectorRegistry registry, ILogger<Refusals> log, TimeProvider time)
{
    private const string KestrelsBadRequest = "Microsoft.AspNetCore.Server.Kestrel.BadRequest";
    private static readonly TimeSpan s_between = TimeSpan.FromSeconds(10);
    private readonly Counter _count = Prometheus.Metrics.WithCustomRegistry(registry)
        .CreateCounter("btx_refusals_total", "Requests and connections that were refused, or failed, by door and reason.",
        ["door", "reason"]);

    private readonly ConcurrentDictionary<(string Door, string Reason), Line> _lines = new();

    /// <summary>Counts what was refused to a request, after the rest of the pipeline.</summary>
    public async Task RecordAsync(HttpContext http, RequestDelegate next)
    {
        await next(http).ConfigureAwait(false);
        var refusal = http.Features.Get<Refusal>() ?? (Door.IsRpc(http) ? RpcStatus.RefusalOf(http) : null);
        var status = http.Response.StatusCode;
        if (refusal is null && status < 500 && Refusal.ReasonOf(status) is { } reason) refusal = new(reason, $"status {status}");
        if (refusal is null) return;
        Add(Door.Of(http), refusal, $"{http.Request.Method} {http.Request.Path}", http.TraceIdentifier,
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
            Add(Door.Http, new(Refusal.ReasonOf(bad.StatusCode) ?? Refusal.InvalidRequest, bad.Message), "not a request", null, client);
        }),
        (name, _, _) => name == KestrelsBadRequest);

    /// <param name="what">Method and path; quoted in the log.</param>
    public void Add(string door, Refusal refusal, string what, string? requestId, string? client)
    {
        _count.WithLabels(door, refusal.Reason).Inc();
        if (_lines.GetOrAdd((door, refusal.Reason), _ => new()).Next(time) is not { } unsaid) return;
        var more = unsaid == 0 ? "" : $" (and {unsaid} more since the last such line)";
        if (refusal.Unexpected is { } failure) LogFailure(log, failure, door, BtxException.OneLine(what), client, requestId, more);
        else
            LogRefusal(log, door, refusal.Reason, BtxException.OneLine(what), BtxException.OneLine(refusal.Message), client,
                requestId, more);
    }

    [LoggerMessage(Level = LogLevel.Warning,
        Message = "{Door} door, refused ({Reason}): {What}: {Message} [client {Client}, request {RequestId}]{More}")]
    private static partial void LogRefusal(ILogger logger, string door, string reason, string what, string message, string? client,
    string? requestId, string more);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Door} door, failed: {What} [client {Client}, request {RequestId}]{More}")]
    private static partial void LogFailure(ILogger logger, Exception failure, string door, string what, string? client, string? requestId,
    string more);

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
