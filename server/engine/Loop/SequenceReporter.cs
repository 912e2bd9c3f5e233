using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>Writes a sequence's events and its end: to the stream, to the score's task, to the observer.</summary>
internal sealed class SequenceReporter(TimeProvider time, IStepObserver? observer)
{
    /// <summary>Index of each member's expert in per-expert arrays; an average shows its weights.</summary>
    private static double[] PerExpert(Sequence s, double[] byMember)
    {
        if (s.AverageShares.Length > 0) return (double[])s.AverageShares.Clone();
        var values = new double[s.Forest.Experts.Count];
        for (var m = 0; m < s.Members.Length; m++)
        {
            if (s.Members[m].Expert >= 0) values[s.Members[m].Expert] = byMember[m];
        }

        return values;
    }

    /// <summary>The event of the token just drawn.</summary>
    public TokenEvent Token(Sequence s, string text, FinishReason finish)
    {
        var report = s.Generation!.ReportExperts;
        return new TokenEvent
        {
            Text = text,
            Token = s.Drawn,
            LogProb = s.DrawnLogProb,
            Top = s.Top,
            Posterior = report && !s.IsRouted ? PerExpert(s, s.Weights) : null,
            Contribution = report && !s.IsRouted ? PerExpert(s, s.Contribution!) : null,
            Gates = s.Gates,
            Finish = finish,
            Forest = s.Forest,
            Usage = finish == FinishReason.None ? null : UsageOf(s),
        };
    }

    /// <summary>Ends the stream or the task, and reports the request.</summary>
    /// <param name="last">The last event, if the end came with a token.</param>
    /// <param name="message">Why, where the reason alone does not say it.</param>
    public void End(Sequence s, FinishReason reason, Exception? problem, TokenEvent? last, string? message)
    {
        if (s.Events is { } events)
        {
            if (problem is null)
                events.Writer.TryWrite(last
                    ?? new TokenEvent { Finish = reason, Message = message, Forest = s.Forest, Usage = UsageOf(s) });
            events.Writer.TryComplete(problem);
        }
        else if (problem is not null)
        {
            s.Score!.TrySetException(problem);
        }
        else if (reason is FinishReason.Removed or FinishReason.Aborted)
        {
            s.Score!.TrySetException(new RequestRejectedException(reason == FinishReason.Removed ? RejectionReason.NotFound
                : RejectionReason.Aborted, message!));
        }
        else if (reason == FinishReason.Cancelled)
        {
            s.Score!.TrySetCanceled(s.Cancellation.Token.IsCancellationRequested ? s.Cancellation.Token : CancellationToken.None);
        }

        var now = time.GetTimestamp();
        observer?.OnRequestEnd(new RequestReport(
            s.IsScore ? "score" : ModeName(s.Routing.Mode), reason, s.PromptLength, s.Completed,
            time.GetElapsedTime(s.Submitted, s.Admitted == 0 ? now : s.Admitted),
            s.FirstToken == 0 ? TimeSpan.Zero : time.GetElapsedTime(s.Submitted, s.FirstToken),
            time.GetElapsedTime(s.Submitted, now)));
    }

    /// <summary>Mixes what the members said of the text: the same function as evaluation's.</summary>
    public static ScoreResult ScoreOf(Sequence s)
    {
        var n = s.Length - 1;
        var said = new double[s.Members.Length][];
        for (var m = 0; m < said.Length; m++) said[m] = s.Members[m].LogProbs.AsSpan(1, n).ToArray();
        if (s.IsRouted)
            return new ScoreResult(said[0], [], [], s.ScoredGates.Length > 0 ? s.ScoredGates : null)
            {
                Forest = s.Forest,
                Top = s.ScoredTop
            };
        var experts = s.Forest.Experts.Count;
        var expertLogProbs = new double[]?[experts];
        if (s.Posterior is null)
        {
            var weights = PerExpert(s, s.Weights);
            if (s.Routing.Mode == RoutingMode.Expert) expertLogProbs[s.Members[0].Expert] = said[0];
            var constant = weights.Select(w => Enumerable.Repeat(w, n).ToArray());
            return new ScoreResult(said[0], expertLogProbs, [.. constant]) { Forest = s.Forest, Top = s.ScoredTop };
        }

        var posterior = new double[experts][];
        for (var j = 0; j < experts; j++) posterior[j] = new double[n];
        var byMember = new double[s.Members.Length][];
        for (var m = 0; m < byMember.Length; m++)
        {
            expertLogProbs[s.Members[m].Expert] = said[m];
            byMember[m] = posterior[s.Members[m].Expert];
        }

        var logProbs = new double[n];
        MixtureScore.Score(said, s.ScoredRouting, s.Prior, 0, logProbs, byMember);
        return new ScoreResult(logProbs, expertLogProbs, posterior) { Forest = s.Forest, Top = s.ScoredTop, Removed = s.Removed };
    }

    public static string ModeName(RoutingMode mode) => mode switch
    {
        RoutingMode.TopK => "top_k",
        RoutingMode.TopP => "top_p",
        RoutingMode.Average => "average",
        RoutingMode.Expert => "expert",
        RoutingMode.Moe => "moe",
        _ => "ensemble",
    };

    private Usage UsageOf(Sequence s)
    {
        var steps = new int[s.Forest.Experts.Count];
        s.PastSteps.CopyTo(steps, 0);
        foreach (var member in s.Members)
        {
            if (member.Expert >= 0) steps[member.Expert] += member.Steps;
        }

        return new Usage(
            s.PromptLength, s.Completed, steps,
            s.FirstToken == 0 ? TimeSpan.Zero : time.GetElapsedTime(s.Submitted, s.FirstToken),
            time.GetElapsedTime(s.Submitted),
            RoutedTokens(s));
    }

    private static double[] RoutedTokens(Sequence s)
    {
        var perLayer = new double[s.RoutedTokens.Length];
        for (var e = 0; e < perLayer.Length; e++) perLayer[e] = s.RoutedTokens[e] / (double)s.Members[0].Lane.Load!.Layers;
        return perLayer;
    }
}
