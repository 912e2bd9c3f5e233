using Btx.Engine.Requests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>Ends a sequence, once: gives back its slots, its place in the queue and its lease, and tells whoever waits for it.</summary>
internal sealed class SequenceEnding(QueueGate gate, SequenceReporter reporter)
{
    /// <param name="last">The last event, if the end came with a token.</param>
    /// <param name="message">Why, where the reason alone does not say it.</param>
    /// <param name="waited">The sequence was not admitted yet, so it holds a place in the queue.</param>
    public void End(Sequence s, FinishReason reason, Exception? problem, TokenEvent? last, bool waited = false, string? message = null)
    {
        if (s.Phase == SequencePhase.Finished) return;
        s.Phase = SequencePhase.Finished;
        s.Cancellation.Unregister();
        s.Abandonment.Unregister();
        try
        {
            foreach (var member in s.Members) member.Leave();
            if (waited) gate.Leave();
        }
        finally
        {
            reporter.End(s, reason, problem, last, message); // whatever is broken, its reader hears
            s.Lease.Return();
        }
    }
}
