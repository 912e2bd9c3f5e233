using Btx.Engine.Sampling;

namespace Btx.Engine.Loop;

/// <summary>Mixes a sequence's active distributions, draws a token and says what it was worth. One per worker: owns scratch.</summary>
internal sealed class Mixer(int vocabSize, int experts)
{
    // An expert below this weight cannot move an fp32 mixture, and its products would be denormal numbers, a hundred times slower.
    public const double Negligible = 1e-20;

    private readonly float[] mixture = new float[vocabSize];
    private readonly int[] top = new int[RequestRules.MaxTopLogProbs];
    private readonly TokenSampler sampler = new(vocabSize);
    private double[] observed = new double[experts];
    private double[] terms = new double[Math.Max(1, experts)]; // a BTX model alone is one member
    private bool[] active = new bool[experts];

    /// <summary>Sets <see cref="Sequence.Drawn"/> and what the event reports. A failure is kept in <see cref="Sequence.Error"/>.</summary>
    public void Draw(Sequence s)
    {
        try
        {
            CatchUp(s, everyone: false);
            Mix(s);
            var request = s.Generation!;
            s.Top = Alternatives(s, request.TopLogProbs);
            if (s.Constraints is { } constraints) Constrain(s, constraints);
            s.Drawn = sampler.Sample(mixture, request.Sampling, s.Seen, ref s.Random, s.Constraints);
            Weigh(s, request.ReportExperts);
            s.Constraints?.Commit(s.Drawn, s.Completed + 1);
        }
        catch (Exception e)
        {
            s.Error = e;
        }
    }

    /// <summary>Takes all tokens of the history into the posterior and sets the weights of the next one.</summary>
    /// <param name="everyone">All members have run the text, not the active ones alone.</param>
    public void CatchUp(Sequence s, bool everyone)
    {
        var count = s.Members.Length;
        if (terms.Length < count || active.Length < count) // the forest has grown
            (observed, terms, active) = (new double[count], new double[count], new bool[count]);
        if (s.Posterior is null) return;
        for (var m = 0; m < count; m++) active[m] = everyone || s.Members[m].Active;
        while (s.Observed < s.HistoryEnd)
        {
            s.Observed++;
            // All members ran what the last choice was made by, so a posterior that is computed again observes all of them there.
            var choosing = s.Selects && s.Observed < s.ChosenLength && !s.HasFixedPosterior;
            for (var m = 0; m < count; m++)
                if ((active[m] || choosing) && s.NeedsLikelihood) observed[m] = s.Members[m].LogProbs[s.Observed];
            s.Posterior.Observe(observed.AsSpan(0, count), choosing ? [] : active.AsSpan(0, count));
        }

        s.Weigh();
    }

    private void Mix(Sequence s)
    {
        Array.Clear(mixture);
        foreach (var member in s.Members)
            if (member.Active && member.Weight >= Negligible)
                LogitRow.AddSoftmax(member.NextLogits, member.LogNormaliser, member.Weight, mixture);
    }

    // What may come can be so improbable that fp32 has no probability for it: then that is scaled up, as only shares count.
    private void Constrain(Sequence s, TokenConstraints constraints)
    {
        constraints.Prepare(s.Lease.Snapshot.EndTokens, vocabSize, s.Completed);
        if (!constraints.Masks) return;
        var (largest, any) = (double.NegativeInfinity, false);
        for (var v = 0; v < vocabSize; v++)
        {
            if (!constraints.MayCome(v)) continue;
            if (mixture[v] > 0) return;
            any = true;
        }

        if (!any) throw new BtxException("no token may follow under what the request asks for");
        for (var v = 0; v < vocabSize; v++)
            if (constraints.MayCome(v)) largest = Math.Max(largest, LogProb(s, v));
        for (var v = 0; v < vocabSize; v++)
            if (constraints.MayCome(v)) mixture[v] = double.IsFinite(largest) ? (float)Math.Exp(LogProb(s, v) - largest) : 1;
    }

    // The token's log-probability in fp64 from the members' own; the vocabulary-wide mixture is fp32.
    private void Weigh(Sequence s, bool reportExperts)
    {
        s.DrawnLogProb = LogProb(s, s.Drawn);
        foreach (var member in s.Members) // not from the weighted term: a weight may be 0 and come back
            if (member.Active && member.LogProbs.Length > 0)
                member.LogProbs[s.Length] = member.NextLogits[s.Drawn] - member.LogNormaliser;

        s.Gates = null;
        if (!reportExperts) return;
        if (s.Members[0].Lane is { Load: { } load } lane)
        {
            s.Gates = new RouterGates(load.Experts, lane.Runner.Gates(s.Members[0].Row)[^(load.Layers * load.Experts)..].ToArray());
            return;
        }

        var isSure = double.IsFinite(s.DrawnLogProb);
        for (var m = 0; m < s.Members.Length; m++)
            s.Members[m].Contribution = isSure ? Math.Exp(terms[m] - s.DrawnLogProb) : s.Members[m].Weight;
    }

    private double LogProb(Sequence s, int token)
    {
        for (var m = 0; m < s.Members.Length; m++)
        {
            var member = s.Members[m];
            terms[m] = member.Active ? Math.Log(member.Weight) + member.NextLogits[token] - member.LogNormaliser : double.NegativeInfinity;
        }

        return LogSpace.Sum(terms.AsSpan(0, s.Members.Length));
    }

    private TokenAlternative[] Alternatives(Sequence s, int count)
    {
        if (count == 0) return [];
        var ids = top.AsSpan(0, Math.Min(count, vocabSize));
        TokenSampler.Largest(mixture, ids);
        var alternatives = new TokenAlternative[ids.Length];
        for (var i = 0; i < ids.Length; i++) alternatives[i] = new TokenAlternative(ids[i], LogProb(s, ids[i]));
        return alternatives;
    }
}
