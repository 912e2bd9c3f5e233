namespace Btx.Engine.Scheduling;

/// <summary>Where a request stands.</summary>
internal enum SequencePhase
{
    /// <summary>Waits for slots, or for an average being built.</summary>
    Queued,

    /// <summary>The prompt (or the text to score) runs in chunks.</summary>
    Prefill,

    /// <summary>One new token a step.</summary>
    Decode,

    /// <summary>Inactive experts run what they missed, then the active set is chosen again.</summary>
    CatchUp,

    Finished,
}

internal static class SequencePhases
{
    /// <summary>The table of transitions. A phase may become itself.</summary>
    public static bool MayBecome(this SequencePhase phase, SequencePhase next) => (phase, next) switch
    {
        (SequencePhase.Queued, SequencePhase.Prefill) => true, // it has its slots
        (SequencePhase.Prefill or SequencePhase.CatchUp, SequencePhase.Decode) => true, // its text is cached
        (SequencePhase.Decode, SequencePhase.CatchUp) => true, // its experts are chosen again
        (SequencePhase.Prefill or SequencePhase.Decode or SequencePhase.CatchUp, SequencePhase.Queued) => true, // a swap took its slots
        (not SequencePhase.Finished, SequencePhase.Finished) => true,
        _ => phase == next,
    };
}
