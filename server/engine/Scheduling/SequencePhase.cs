namespace Btx.Engine.Scheduling;

/// <summary>Where a request stands.</summary>
internal enum SequencePhase
{
    Queued, // waits for slots, or for an average being built
    Prefill, // the prompt (or the text to score) runs in chunks
    Decode, // one new token a step
    CatchUp, // inactive experts run what they missed, then the active set is chosen again
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
