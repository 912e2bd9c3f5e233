namespace Btx.Engine.Scheduling;

internal enum SequencePhase
{
    /// <summary>Waits for slots, or for an average being built.</summary>
    Queued,

    /// <summary>The prompt (or the text to score) runs in chunks.</summary>
    Prefill,

    /// <summary>One new token a step.</summary>
    Decode,

    /// <summary>Inactive experts run what they missed, then the active set is chosen anew.</summary>
    CatchUp,

    Finished,
}
