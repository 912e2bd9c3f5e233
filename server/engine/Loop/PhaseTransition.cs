using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Moves a sequence on when its text is cached: from the prompt or from catching up to decoding, from a scored text to its
/// result.</summary>
/// <param name="mixer">The one of the loop's own thread.</param>
internal sealed class PhaseTransition(Mixer mixer, SequenceEnding ending)
{
    /// <summary>Goes on to the next phase once every member that has a slot has run all but the last token.</summary>
    public void Advance(Sequence s)
    {
        foreach (var member in s.Members)
            if (member.Slot >= 0 && member.Cached < s.Length - 1) return;
        if (s.IsScore)
        {
            Complete(s);
            return;
        }

        if (s.Selects && s.Routing.Posterior != PosteriorKind.Fixed)
        {
            var again = s.Phase == SequencePhase.CatchUp;
            if (again)
            {
                s.Posterior!.Reset(); // with the late joiners' likelihoods known, the posterior is exact again
                s.Observed = 0;
            }

            Array.Fill(s.Active, true);
            mixer.CatchUp(s);
            ExpertChoice.Apply(s, previous: again);
        }

        s.Phase = SequencePhase.Decode;
    }

    // The mixture of a long text over many experts is no work for the loop.
    private void Complete(Sequence s)
    {
        var score = s.Score!;
        ending.End(s, FinishReason.Stop, null, null);
        ThreadPool.UnsafeQueueUserWorkItem(
            static work =>
            {
                try
                {
                    work.score.TrySetResult(SequenceReporter.ScoreOf(work.s));
                }
                catch (Exception e)
                {
                    work.score.TrySetException(e);
                }
            },
            (score, s),
            preferLocal: false);
    }
}
