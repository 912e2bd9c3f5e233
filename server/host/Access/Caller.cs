using Btx.Model.Mixing;

namespace Btx.Server.Access;

/// <summary>On whose behalf a request runs: which models it may use, and how much. Each request has its own, among its services.</summary>
internal sealed class Caller
{
    private static readonly TimeSpan s_soon = TimeSpan.FromSeconds(1);
    private bool _isKnown;
    private ApiKey? _key;
    private KeyQuota? _quota;
    private long _unused;

    /// <summary>Who runs the engine in a program of its own: it may everything.</summary>
    public static Caller Owner { get; } = new() { _isKnown = true };

    /// <summary>After a refusal by a quota: when it may be tried again.</summary>
    public TimeSpan? RetryAfter { get; private set; }

    /// <summary>Fires when the key or the token counts no more: a call without an end of its own ends then. See
    /// <see cref="LongCalls"/>.</summary>
    public CancellationToken Ended { get; set; }

    /// <param name="key">Null: a caller that no key binds.</param>
    /// <param name="quota">Null: it has none.</param>
    public void Is(ApiKey? key, KeyQuota? quota) => (_isKnown, _key, _quota) = (true, key, quota);

    /// <exception cref="RequestRejectedException">The key may not have a request routed so (forbidden).</exception>
    public void Require(Routing routing, ForestDescription forest)
    {
        if (!_isKnown) throw new InvalidOperationException("nobody asked who calls");
        if (_key?.Problem(routing, forest) is { } problem)
            throw new RequestRejectedException(new RequestProblem("model", problem, ErrorKind.Forbidden, "model_not_allowed"));
    }

    public bool Reaches(Routing routing, ForestDescription forest) => _key?.Problem(routing, forest) is null;

    /// <summary>The forest as the caller is shown it: nothing that it does not reach.</summary>
    public ForestDescription Shown(ForestDescription forest)
    {
        if (_key?.Experts is null || forest.Experts.All(_key.Experts.Contains)) return forest;
        var own = forest.Experts.Zip(forest.Domains).Where(expert => _key.Experts.Contains(expert.First)).ToArray();
        return forest with
        {
            Experts = [.. own.Select(expert => expert.First)],
            Domains = [.. own.Select(expert => expert.Second)],
            PriorDomains = [],
            Averages = [],
            Moe = forest.Moe is { } moe && moe.Experts.All(_key.Experts.Contains) ? moe : null,
        };
    }

    /// <summary>Takes a request; what is returned ends with it.</summary>
    /// <exception cref="RequestRejectedException">It is one too many (busy).</exception>
    public IDisposable? Begin()
    {
        if (_quota is not { Key: var key } quota) return null;
        var lease = quota.Running?.AttemptAcquire();
        if (lease is { IsAcquired: false })
            throw Busy($"key {key.Id} has {key.Concurrent} requests under way, as many as it may; wait for one to end", s_soon);
        if (quota.Requests?.Take(1) is not { } wait) return lease;
        lease?.Dispose();
        throw Busy($"key {key.Id} may make {key.RequestsPerMinute} requests a minute; try again in {KeyQuota.Text(wait)}", wait);
    }

    /// <summary>Takes the tokens that a request may use.</summary>
    /// <exception cref="RequestRejectedException">The key has not so many left (busy), or never will have (invalid).</exception>
    public void Reserve(long tokens)
    {
        if (_quota is not { Tokens: { } rate, Key: var key }) return;
        var need = $"key {key.Id} has {rate.Limit} tokens a minute, and the request may take {tokens}; ";
        if (tokens > rate.Limit) // no waiting helps, and clients wait wherever they are told to
            throw new RequestRejectedException(new RequestProblem(null, need + "shorten it, or ask for fewer tokens",
                Code: "quota_too_small"));
        if (rate.Take(tokens) is { } wait) throw Busy($"{need}try again in {KeyQuota.Text(wait)}", wait);
        Interlocked.Add(ref _unused, tokens);
    }

    /// <summary>Tokens of those reserved were used.</summary>
    public void Use(long tokens) => Interlocked.Add(ref _unused, -tokens);

    /// <summary>The request has ended: what it did not use is given back.</summary>
    public void End() => _quota?.Tokens?.Return(Math.Max(0, Interlocked.Exchange(ref _unused, 0)));

    private RequestRejectedException Busy(string message, TimeSpan wait)
    {
        RetryAfter = wait;
        return new(new RequestProblem(null, message, ErrorKind.Busy, "rate_limit_exceeded"));
    }
}
