namespace Btx.Engine;

/// <summary>What becomes of requests under way that use a model which leaves the forest.</summary>
public enum InFlightPolicy
{
    /// <summary>They go on without it: an ensemble over the rest; <c>top_k</c> and <c>top_p</c> fill their set from the rest, which catch
    /// up first; an average and mode moe on the new model. A request for the expert by name ends.</summary>
    Renormalise,

    /// <summary>They finish as they began; the swap completes after the last of them.</summary>
    Drain,

    /// <summary>They end with <see cref="Requests.FinishReason.Aborted"/>.</summary>
    Abort,
}
