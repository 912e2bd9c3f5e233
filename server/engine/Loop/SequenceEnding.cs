using Btx.Engine.Requests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>Ends a sequence, once: gives back its slots, its place in the queue and its lease, and tells whoever waits for it.</summary>
internal sealed class SequenceEnding(QueueGate gate, SequenceReporter reporter)
{
    /// <param name="last">The last event, if the end came with a token.</param>
    /// <param name="waited">The sequence was not admitted yet, so it holds a place in the queue.</param>
    public void End(Sequence s, FinishReason reason, Exception? fault, TokenEvent? last, bool waited = false)
    {
        if (s.Phase == SequencePhase.Finished) return;
        foreach (var member in s.Members) member.ReturnSlot();
        s.Phase = SequencePhase.Finished;
        s.Cancellation.Unregister();
        if (waited) gate.Leave();
        reporter.End(s, reason, fault, last);
        s.Lease.Return();
    }
}
