using System.Text.Json;

namespace Btx.Engine.Loop;

/// <summary>Writes a sequence's events and its end: to the stream, to the score's task, to the observer.</summary>
internal sealed class SequenceReporter(TimeProvider time, IEngineObserver? observer, QueueGate gate)
{
    /// <summary>The event of the token just drawn.</summary>
    public TokenEvent Token(Sequence s, string text, FinishReason finish)
    {
        var report = s.Generation!.ReportExperts && !s.IsTokenRouted;
        return new TokenEvent
        {
            Text = text,
            Token = s.Drawn,
            LogProb = s.DrawnLogProb,
            Top = s.Top,
            Posterior = report ? PerExpert(s, static m => m.Weight) : null,
            Contribution = report ? PerExpert(s, static m => m.Contribution) : null,
            Gates = s.Gates,
            Finish = finish,
            StoppedBy = finish == FinishReason.Stop ? s.Text!.StoppedBy : null,
            Forest = s.Forest,
            Usage = finish == FinishReason.None ? null : UsageOf(s),
        };
    }

    /// <summary>Gives back a sequence's slots, its place in the queue and its lease, and tells whoever waits. Idempotent.</summary>
    /// <param name="last">The last event, if the end came with a token.</param>
    public void End(Sequence s, FinishReason reason, Exception? error = null, TokenEvent? last = null, string? message = null)
    {
        if (s.Phase == SequencePhase.Finished) return;
        s.Enter(SequencePhase.Finished);
        s.Cancellation.Unregister();
        s.Abandonment.Unregister();
        try
        {
            foreach (var member in s.Members) member.Leave();
            if (s.Admitted is null) gate.Leave();
        }
        finally
        {
            Tell(s, reason, error, last, message); // its reader is told, whatever is broken
            s.Lease.Return();
        }
    }

    /// <summary>Ends a scored text, and mixes its result on another thread: over many experts that is no work for the loop.</summary>
    public void Complete(Sequence s)
    {
        End(s, FinishReason.Stop);
        ThreadPool.UnsafeQueueUserWorkItem(
            static s =>
            {
                try
                {
                    s.Score!.TrySetResult(ScoreOf(s));
                }
                catch (Exception e)
                {
                    s.Score!.TrySetException(e);
                }
            },
            s,
            preferLocal: false);
    }

    private void Tell(Sequence s, FinishReason reason, Exception? error, TokenEvent? last, string? message)
    {
        if (s.Events is { } events)
        {
            if (error is null)
                events.Writer.TryWrite(last
                    ?? new TokenEvent { Finish = reason, Message = message, Forest = s.Forest, Usage = UsageOf(s) });
            events.Writer.TryComplete(error);
        }
        else if (error is not null) s.Score!.TrySetException(error);
        else if (reason == FinishReason.Removed) s.Score!.TrySetException(new RequestRejectedException(ErrorKind.Missing, message!));
        else if (reason == FinishReason.Aborted) s.Score!.TrySetException(new RequestRejectedException(ErrorKind.Conflict, message!));
        else if (reason == FinishReason.Cancelled)
            s.Score!.TrySetCanceled(s.Cancellation.Token.IsCancellationRequested ? s.Cancellation.Token : CancellationToken.None);

        var now = time.GetTimestamp();
        observer?.OnRequestEnd(new RequestReport(s.IsScore ? "score" : ModeName(s.Routing.Mode), reason, s.PromptLength, s.Completed,
            time.GetElapsedTime(s.Submitted, s.Admitted ?? now), TimeToFirstToken(s), time.GetElapsedTime(s.Submitted, now)));
    }

    // Mixes what the members said of the text: the same function as evaluation's.
    private static ScoreResult ScoreOf(Sequence s)
    {
        var n = s.Length - 1;
        double[][] said = [.. s.Members.Select(m => m.LogProbs.AsSpan(1, n).ToArray())];
        if (s.IsTokenRouted)
            return new(said[0], [], [], s.ScoredGates.Length > 0 ? s.ScoredGates : null) { Forest = s.Forest, Top = s.ScoredTop };
        var experts = s.Forest.Experts.Count;
        var expertLogProbs = new double[]?[experts];
        if (s.Posterior is null)
        {
            if (s.Routing.Mode == RoutingMode.Expert) expertLogProbs[s.Members[0].Expert] = said[0];
            var constant = PerExpert(s, static m => m.Weight).Select(w => Enumerable.Repeat(w, n).ToArray());
            return new ScoreResult(said[0], expertLogProbs, [.. constant]) { Forest = s.Forest, Top = s.ScoredTop };
        }

        var posterior = new double[experts][];
        for (var j = 0; j < experts; j++) posterior[j] = new double[n];
        for (var m = 0; m < said.Length; m++) expertLogProbs[s.Members[m].Expert] = said[m];
        var logProbs = new double[n];
        MixtureScore.Score(said, s.ScoredRouting, s.Priors(), 0, logProbs, [.. s.Members.Select(m => posterior[m.Expert])]);
        return new ScoreResult(logProbs, expertLogProbs, posterior) { Forest = s.Forest, Top = s.ScoredTop, Removed = s.Removed };
    }

    private static string ModeName(RoutingMode mode) => JsonNamingPolicy.SnakeCaseLower.ConvertName(mode.ToString());

    // Index as in the forest that the request began with; an average shows its weights.
    private static double[] PerExpert(Sequence s, Func<Member, double> value)
    {
        if (s.AverageShares.Length > 0) return (double[])s.AverageShares.Clone();
        var values = new double[s.Forest.Experts.Count];
        foreach (var member in s.Members)
            if (member.Expert >= 0) values[member.Expert] = value(member);
        return values;
    }

    private TimeSpan TimeToFirstToken(Sequence s) => s.FirstToken is { } first ? time.GetElapsedTime(s.Submitted, first) : TimeSpan.Zero;

    private Usage UsageOf(Sequence s)
    {
        var steps = new int[s.Forest.Experts.Count];
        s.PastSteps.CopyTo(steps, 0);
        foreach (var member in s.Members)
            if (member.Expert >= 0) steps[member.Expert] += member.Steps;
        var routed = new double[s.RoutedTokens.Length];
        for (var e = 0; e < routed.Length; e++) routed[e] = s.RoutedTokens[e] / (double)s.Members[0].Lane.Load!.Layers;
        return new Usage(s.PromptLength, s.Completed, steps, TimeToFirstToken(s), time.GetElapsedTime(s.Submitted), routed);
    }
}
