using Btx.Engine.Sampling;

namespace Btx.Engine.Loop;

/// <summary>The most probable tokens of a scored text, from the mixture that scores it. One per worker: owns scratch.</summary>
internal sealed class Ranking(int vocabSize)
{
    private readonly float[] mixture = new float[vocabSize];
    private readonly int[] top = new int[Math.Min(RequestRules.MaxTopLogProbs, vocabSize)];
    private double[] normalisers = [], terms = [];

    /// <summary>Reads the rows of this step, the same positions of every member. <see cref="Sequence.Error"/> keeps a failure.</summary>
    public void Run(RankedRows rows)
    {
        var s = rows.Sequence;
        try
        {
            if (normalisers.Length < s.Members.Length) (normalisers, terms) = (new double[s.Members.Length], new double[s.Members.Length]);
            if (rows.Start == 0) s.Scorer = s.Posterior is null ? null : new MixtureScorer(s.Members.Length, s.ScoredRouting, s.Priors());
            for (var i = 0; i < rows.Count; i++) s.ScoredTop[rows.Start + i] = At(s, rows.Start + i, i);
        }
        catch (Exception e)
        {
            s.Error = e;
        }
    }

    private TokenAlternative[] At(Sequence s, int t, int row)
    {
        s.Scorer?.Weigh(t);
        Array.Clear(mixture);
        for (var m = 0; m < s.Members.Length; m++)
        {
            var logits = s.Members[m].Lane.Runner.Logits(s.Members[m].Row, row);
            normalisers[m] = LogitRow.LogNormaliser(logits);
            if (Weight(s, m) >= Mixer.Negligible) LogitRow.AddSoftmax(logits, normalisers[m], Weight(s, m), mixture);
        }

        var ids = top.AsSpan(0, Math.Min(s.Alternatives, top.Length));
        TokenSampler.Largest(mixture, ids);
        var alternatives = new TokenAlternative[ids.Length];
        for (var i = 0; i < ids.Length; i++) alternatives[i] = new TokenAlternative(ids[i], LogProb(s, row, ids[i]));
        if (s.Scorer is null) return alternatives;
        for (var m = 0; m < s.Members.Length; m++) terms[m] = s.Members[m].LogProbs[t + 1];
        s.Scorer.Observe(t, terms.AsSpan(0, s.Members.Length));
        return alternatives;
    }

    private double LogProb(Sequence s, int row, int token)
    {
        for (var m = 0; m < s.Members.Length; m++)
        {
            var member = s.Members[m];
            terms[m] = Math.Log(Weight(s, m)) + member.Lane.Runner.Logits(member.Row, row)[token] - normalisers[m];
        }

        return LogSpace.Sum(terms.AsSpan(0, s.Members.Length));
    }

    private static double Weight(Sequence s, int member) =>
        s.Scorer is not { } scorer ? 1 : scorer.Active[member] ? scorer.Weights[member] : 0;
}
