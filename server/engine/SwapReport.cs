namespace Btx.Engine;

/// <summary>What a swap did to the requests under way, and what it gave back.</summary>
/// <param name="Renormalised">Requests that went on without a removed expert.</param>
/// <param name="Refilled">Of those, how many needed other experts to catch up.</param>
/// <param name="Moved">Requests that moved to another model with a prefill of their own: averages and mode moe.</param>
/// <param name="Ended">Requests that ended because they asked for what left the forest, running or waiting.</param>
/// <param name="Pause">How long the loop was held between two steps.</param>
/// <param name="Total">From the call until no step could use what left and its memory was back.</param>
/// <param name="BytesReturned">Native memory of what left and of averages of it: mapped weights, KV caches, about the sessions.</param>
/// <param name="Averages">Averaged models that held something of what left.</param>
/// <param name="KvSlots">Slots of those models that held a sequence's keys and values.</param>
/// <param name="KvBytes">Of all their slots.</param>
public sealed record SwapReport(int Renormalised = 0, int Refilled = 0, int Moved = 0, int Drained = 0, int Ended = 0, int Aborted = 0,
    TimeSpan Pause = default, TimeSpan Total = default, long BytesReturned = 0, int Sessions = 0, int Averages = 0, int KvSlots = 0,
    long KvBytes = 0);

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
