using System.Collections.Concurrent;
using System.Threading.RateLimiting;

namespace Btx.Server.Access;

/// <summary>What is left of a rate of so many in a minute: it comes back evenly, and what was taken and not used is given back, which no
/// limiter of the library takes. Thread-safe.</summary>
internal sealed class MinuteRate(int limit, TimeProvider time)
{
    private readonly Lock _gate = new();
    private double _left = limit;
    private long _at = time.GetTimestamp();

    public int Limit => limit;

    /// <returns>Null: they are taken. Else none is, and in that time there are so many; more than the limit there never are.</returns>
    public TimeSpan? Take(long count)
    {
        lock (_gate)
        {
            Refill();
            if (count > _left) return Time(Math.Min(count, limit) - _left);
            _left -= count;
            return null;
        }
    }

    public void Return(long count)
    {
        lock (_gate) _left = Math.Min(limit, _left + count);
    }

    /// <summary>What is left, and the time until nothing is missing.</summary>
    public (int Left, TimeSpan Reset) Now()
    {
        lock (_gate)
        {
            Refill();
            return ((int)_left, Time(limit - _left));
        }
    }

    private TimeSpan Time(double count) => TimeSpan.FromSeconds(count * 60 / limit);

    private void Refill()
    {
        var now = time.GetTimestamp();
        _left = Math.Min(limit, _left + (time.GetElapsedTime(_at, now).TotalSeconds * limit / 60));
        _at = now;
    }
}

/// <summary>What a key has left of its quotas; null: it has no such quota.</summary>
internal sealed class KeyQuota(ApiKey key, TimeProvider time)
{
    public ApiKey Key => key;

    public MinuteRate? Requests { get; } = key.RequestsPerMinute is { } n ? new(n, time) : null;

    public MinuteRate? Tokens { get; } = key.TokensPerMinute is { } n ? new(n, time) : null;

    public ConcurrencyLimiter? Running { get; } = key.Concurrent is { } n ? new(new() { PermitLimit = n }) : null;

    /// <summary>Tells a client what it has left, in OpenAI's form.</summary>
    public void Describe(IHeaderDictionary headers)
    {
        foreach (var (what, rate) in new[] { ("requests", Requests), ("tokens", Tokens) })
        {
            if (rate is null) continue;
            var (left, reset) = rate.Now();
            headers[$"x-ratelimit-limit-{what}"] = $"{rate.Limit}";
            headers[$"x-ratelimit-remaining-{what}"] = $"{left}";
            headers[$"x-ratelimit-reset-{what}"] = Text(reset);
        }
    }

    /// <summary><c>120ms</c>, <c>3.5s</c>.</summary>
    internal static string Text(TimeSpan time) =>
        time < TimeSpan.FromSeconds(1) ? $"{Math.Ceiling(time.TotalMilliseconds)}ms" : $"{time.TotalSeconds:0.###}s";
}

/// <summary>The quotas of all keys that have any. Thread-safe.</summary>
internal sealed class Quotas(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, KeyQuota> _of = new(StringComparer.Ordinal);

    /// <summary>Middleware, once the caller is known and may go on: a request that generates or scores counts.</summary>
    public async Task LimitAsync(HttpContext http, RequestDelegate next)
    {
        var caller = http.RequestServices.GetRequiredService<Caller>();
        var key = (http.User.Identity as KeyIdentity)?.Key;
        var quota = key is null || NeedsAttribute.Of(http) != Scope.Generate ? null : Of(key);
        caller.Is(key, quota);
        if (quota is null)
        {
            await next(http);
            return;
        }

        http.Response.OnStarting(() =>
        {
            quota.Describe(http.Response.Headers);
            if (caller.RetryAfter is { } wait)
                http.Response.Headers.RetryAfter = $"{Math.Max(1, Math.Ceiling(wait.TotalSeconds))}";
            return Task.CompletedTask;
        });
        try
        {
            using var lease = caller.Begin();
            await next(http);
        }
        catch (RequestRejectedException e) when (Listener.IsGrpc(http)) // ours: no service throws it this far
        {
            await RpcStatus.WriteAsync(http, StatusCode.ResourceExhausted, e.Message, e.Problem.Code, caller.RetryAfter);
        }
        finally
        {
            caller.End();
        }
    }

    // A key whose quotas were changed begins again.
    private KeyQuota? Of(ApiKey key)
    {
        static (int?, int?, int?) Limits(ApiKey key) => (key.RequestsPerMinute, key.TokensPerMinute, key.Concurrent);
        return key.HasQuota
            ? _of.AddOrUpdate(key.Id, _ => new(key, time), (_, now) => Limits(now.Key) == Limits(key) ? now : new(key, time))
            : null;
    }
}
