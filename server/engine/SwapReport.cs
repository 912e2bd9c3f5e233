namespace Btx.Engine;

public sealed record SwapReport
{
    /// <summary>Requests that went on without a removed expert.</summary>
    public int Renormalised { get; init; }

    /// <summary>Of those, how many needed other experts to catch up.</summary>
    public int Refilled { get; init; }

    /// <summary>Requests that moved to another model with a prefill of their own: averages and mode moe.</summary>
    public int Moved { get; init; }

    public int Drained { get; init; }

    /// <summary>Requests that ended because they asked for what left the forest, running or waiting.</summary>
    public int Ended { get; init; }

    public int Aborted { get; init; }

    /// <summary>How long the loop was held between two steps.</summary>
    public TimeSpan Pause { get; init; }

    /// <summary>From the call until no step could use what left and its memory was back.</summary>
    public TimeSpan Total { get; init; }

    /// <summary>Native memory of the models that left and of averages of them: mapped weights, KV caches, an estimate of the
    /// sessions.</summary>
    public long BytesReturned { get; init; }

    public int Sessions { get; init; }

    /// <summary>Averaged models that held something of what left.</summary>
    public int Averages { get; init; }

    /// <summary>Slots of those models that held a sequence's keys and values.</summary>
    public int KvSlots { get; init; }

    /// <summary>Of all their slots.</summary>
    public long KvBytes { get; init; }
}

/// <summary>What becomes of requests under way that use a model which leaves the forest.</summary>
public enum InFlightPolicy
{
    /// <summary>They go on without it: an ensemble over the rest; <c>top_k</c> and <c>top_p</c> fill their set from the rest, which catch
    /// up first; an average and mode moe on the new model. A request for the expert by name ends.</summary>
    Renormalise,

    /// <summary>They finish as they began; the swap completes after the last of them.</summary>
    Drain,

    Abort,
}
