using System.Collections.Concurrent;
using System.Globalization;

namespace Btx.Server.Access;

/// <summary>
/// Ends calls under way whose key was revoked or has expired, or whose token has: within <see cref="Between"/> their caller is told so
/// (<see cref="Caller.Ended"/>), and what has not ended by itself that time later is cut off. Thread-safe.
/// </summary>
internal sealed class LongCalls : IDisposable
{
    public static readonly TimeSpan Between = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_clockSkew = TimeSpan.FromSeconds(30); // as of TokenIssuer
    private readonly ConcurrentDictionary<HttpContext, CancellationTokenSource> _calls = new();
    private readonly KeyRing _keys;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;

    public LongCalls(KeyRing keys, TimeProvider time)
    {
        (_keys, _time) = (keys, time);
        _timer = time.CreateTimer(_ => Look(), null, Between, Between);
    }

    /// <summary>Middleware, once the caller is known.</summary>
    public async Task FollowAsync(HttpContext http, RequestDelegate next)
    {
        if (http.User.Identity is not KeyIdentity && End(http) is null)
        {
            await next(http);
            return;
        }

        using var ended = new CancellationTokenSource();
        http.RequestServices.GetRequiredService<Caller>().Ended = ended.Token;
        _calls[http] = ended;
        try
        {
            await next(http);
        }
        finally
        {
            _calls.TryRemove(http, out _);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        foreach (var (http, ended) in _calls)
        {
            try
            {
                if (IsGood(http)) continue;
                if (ended.IsCancellationRequested) http.Abort();
                else ended.Cancel();
            }
            catch (ObjectDisposedException)
            {
                // It ended meanwhile.
            }
        }
    }

    private bool IsGood(HttpContext http) => http.User.Identity is KeyIdentity { Key: var key }
        ? _keys.Has(key) && !(key.Expires <= _time.GetUtcNow())
        : End(http) is not { } end || end > _time.GetUtcNow();

    /// <summary>When the caller's token ends; null: it has none.</summary>
    private static DateTimeOffset? End(HttpContext http) =>
        long.TryParse(http.User.FindFirst("exp")?.Value, CultureInfo.InvariantCulture, out var seconds)
            && seconds is > 0 and < 1L << 36 ? DateTimeOffset.FromUnixTimeSeconds(seconds) + s_clockSkew : null;
}
