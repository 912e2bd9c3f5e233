using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Mixes the active members' distributions of one sequence, draws a token and says what it was
/// worth. One per worker: owns scratch.</summary>
internal sealed class Mixer(int vocabSize, int experts)
{
    // An expert below this weight cannot move an fp32 mixture, and its products would be denormal numbers, a hundred times slower.
    public const double Negligible = 1e-20;

    private readonly float[] mixture = new float[vocabSize];
    private double[] observed = new double[experts];
    private double[] terms = new double[Math.Max(1, experts)]; // a mixture alone is one member
    private readonly int[] top = new int[RequestRules.MaxTopLogProbs];
    private readonly TokenSampler sampler = new(vocabSize);

    /// <summary>Sets <see cref="Sequence.Drawn"/> and what the event reports. A failure is kept in <see cref="Sequence.Error"/>.</summary>
    public void Draw(Sequence s)
    {
        try
        {
            CatchUp(s);
            Mix(s);
            var request = s.Generation!;
            s.Top = Alternatives(s, request.TopLogProbs);
            s.Drawn = sampler.Sample(mixture, request.Sampling, s.Seen, ref s.Random);
            Weigh(s, request.ReportExperts);
        }
        catch (Exception e)
        {
            s.Error = e;
        }
    }

    /// <summary>Takes all known tokens into the posterior and sets the weights of the next one.</summary>
    public void CatchUp(Sequence s)
    {
        // the forest has grown
        if (terms.Length < s.Members.Length) (observed, terms) = (new double[s.Members.Length], new double[s.Members.Length]);
        if (s.Posterior is null) return;
        while (s.Observed < s.Length - 1)
        {
            s.Observed++;
            for (var m = 0; m < s.Members.Length; m++)
            {
                if ((s.Active[m] || Choosing(s)) && s.NeedsLikelihood) observed[m] = s.Members[m].LogProbs[s.Observed];
            }

            s.Posterior.Observe(observed.AsSpan(0, s.Members.Length), Choosing(s) ? [] : s.Active);
        }

        s.Posterior.Weights(s.Weights, s.Active);
    }

    // Before the last choice all members ran, so a posterior that is taken in again hears them all there.
    private static bool Choosing(Sequence s) => s.Selects && s.Observed < s.ChosenLength && s.Routing.Posterior != PosteriorKind.Fixed;

    private void Mix(Sequence s)
    {
        Array.Clear(mixture);
        for (var m = 0; m < s.Members.Length; m++)
        {
            var member = s.Members[m];
            if (s.Active[m] && s.Weights[m] >= Negligible)
                LogitRow.AddSoftmax(member.NextLogits, member.LogNormaliser, s.Weights[m], mixture);
        }
    }

    // The token's log-probability in fp64 from the members' own; the vocabulary-wide mixture is fp32.
    private void Weigh(Sequence s, bool reportExperts)
    {
        var count = s.Members.Length;
        s.DrawnLogProb = LogProb(s, s.Drawn);
        for (var m = 0; m < count; m++)
        {
            // Not from the weighted term: a weight may be 0 and come back.
            var member = s.Members[m];
            if (s.Active[m] && member.LogProbs.Length > 0) member.LogProbs[s.Length] = member.NextLogits[s.Drawn] - member.LogNormaliser;
        }

        (s.Contribution, s.Gates) = (null, null);
        if (!reportExperts) return;
        if (s.Members[0].Lane is { Load: { } load } lane)
        {
            s.Gates = new RouterGates(load.Experts, lane.Runner.Gates(s.Members[0].Row)[^(load.Layers * load.Experts)..].ToArray());
            return;
        }

        s.Contribution = new double[count];
        for (var m = 0; m < count; m++)
            s.Contribution[m] = double.IsNegativeInfinity(s.DrawnLogProb) ? s.Weights[m] : Math.Exp(terms[m] - s.DrawnLogProb);
    }

    private double LogProb(Sequence s, int token)
    {
        var count = s.Members.Length;
        for (var m = 0; m < count; m++)
        {
            var member = s.Members[m];
            terms[m] = s.Active[m] ? Math.Log(s.Weights[m]) + member.NextLogits[token] - member.LogNormaliser : double.NegativeInfinity;
        }

        return LogSpace.Sum(terms.AsSpan(0, count));
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
