namespace Btx.Engine;

/// <summary>What a swap of the forest did.</summary>
public sealed record SwapReport
{
    /// <summary>Requests that went on without a removed expert.</summary>
    public required int Renormalised { get; init; }

    /// <summary>Of those, how many needed other experts to catch up.</summary>
    public required int Refilled { get; init; }

    /// <summary>Requests that moved to another model with a prefill of their own: averages and mode moe.</summary>
    public required int Moved { get; init; }

    /// <summary>Requests that finish on what left the forest.</summary>
    public required int Drained { get; init; }

    /// <summary>Requests that ended because they asked for what left the forest, running or waiting.</summary>
    public required int Ended { get; init; }

    /// <summary>Requests that ended by the policy <see cref="InFlightPolicy.Abort"/>.</summary>
    public required int Aborted { get; init; }

    /// <summary>How long the loop was held between two steps.</summary>
    public required TimeSpan Pause { get; init; }

    /// <summary>From the call until no step could use what left and its memory was back.</summary>
    public required TimeSpan Total { get; init; }

    /// <summary>Native memory of the models that left and of averages of them: mapped weights, KV caches, an estimate of the
    /// sessions.</summary>
    public required long BytesReturned { get; init; }

    /// <summary>Runtime sessions of the models that left and of averages of them.</summary>
    public int Sessions { get; init; }

    /// <summary>Averaged models that held something of what left.</summary>
    public int Averages { get; init; }

    /// <summary>Slots of those models that held a sequence's keys and values.</summary>
    public int KvSlots { get; init; }

    /// <summary>Of all their slots.</summary>
    public long KvBytes { get; init; }
}
