namespace Btx.Engine.Loop;

/// <summary>A step: plan → run → mix → sample → commit, on the loop's thread; lanes and draws fork to workers and join.</summary>
internal sealed class EngineStep : IDisposable
{
    // Below this many exponentials a fork costs more than it saves.
    private const int ParallelMixing = 1 << 16;

    private readonly EngineOptions options;
    private readonly LaneSet lanes;
    private readonly QueueGate gate;
    private readonly SequenceReporter reporter;
    private readonly Mixer mixer; // the loop's own
    private readonly StepWorkers workers;
    private readonly Action<int, int> runLane, draw, rank;
    private readonly StepPlan plan = new();
    private ForestSnapshot snapshot = null!;
    private Exception?[] failures = []; // by lane of the plan
    private string[] expertNames = [], moeNames = [];
    private int[] expertRows = [];
    private double[] posteriorMass = [];

    public EngineStep(EngineOptions options, ForestSnapshot snapshot, LaneSet lanes, QueueGate gate, SequenceReporter reporter, int threads)
    {
        (this.options, this.lanes, this.gate, this.reporter) = (options, lanes, gate, reporter);
        Serve(snapshot);
        workers = new StepWorkers(threads);
        var vocabulary = snapshot.Description.VocabSize;
        Mixer[] mixers = [.. Enumerable.Range(0, threads).Select(_ => new Mixer(vocabulary, snapshot.Experts.Count))];
        LaneStep[] laneSteps = [.. mixers.Select(_ => new LaneStep(options.Slots, options.MaxBatchTokens))];
        Ranking[] rankings = [.. mixers.Select(_ => new Ranking(vocabulary))];
        mixer = mixers[0];
        runLane = (i, worker) => failures[i] = laneSteps[worker].Run(plan.Lanes[i]);
        rank = (i, worker) =>
        {
            if (plan.Ranked[i].Sequence.Error is null) rankings[worker].Run(plan.Ranked[i]);
        };
        draw = (i, worker) =>
        {
            if (plan.Emitting[i].Error is null) mixers[worker].Draw(plan.Emitting[i]);
        };
    }

    /// <summary>Bytes that this thread has allocated in steps that only decoded, and their tokens: what tests bound.</summary>
    public (long Bytes, long Tokens) DecodeAllocation { get; private set; }

    public void Dispose() => workers.Dispose();

    /// <summary>Reports follow this snapshot from the next step on.</summary>
    public void Serve(ForestSnapshot next)
    {
        snapshot = next;
        expertNames = [.. next.Description.Experts];
        moeNames = [.. next.Description.Moe?.Experts ?? []];
        expertRows = new int[expertNames.Length];
        posteriorMass = new double[expertNames.Length];
    }

    /// <summary>One step of all that runs. Sequences that end in it stay in the list, finished.</summary>
    public void Run(List<Sequence> running)
    {
        var begin = options.Time.GetTimestamp();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        StepPlanner.Plan(running, lanes.All, options.MaxBatchTokens, options.PrefillChunk, plan);
        if (failures.Length < plan.Lanes.Count) failures = new Exception?[plan.Lanes.Count];
        workers.Run(plan.Lanes.Count, runLane);
        CommitLengths();
        workers.Run(plan.Ranked.Count, rank);
        if ((long)plan.Emitting.Count * Math.Max(1, expertNames.Length) * snapshot.Description.VocabSize >= ParallelMixing)
            workers.Run(plan.Emitting.Count, draw);
        else
            for (var i = 0; i < plan.Emitting.Count; i++) draw(i, 0);

        Array.Clear(posteriorMass);
        var tokens = 0;
        foreach (var s in plan.Emitting)
        {
            if (s.Error is not null) continue;
            CommitToken(s);
            tokens++;
        }

        var moved = plan.Lanes.Count > 0;
        var left = 0;
        foreach (var s in running)
        {
            var phase = s.Phase;
            if (s.Error is { } error) reporter.End(s, FinishReason.Failed, error);
            else if (s.Phase is SequencePhase.Prefill or SequencePhase.CatchUp) Advance(s);
            moved |= s.Phase != phase;
            if (s.Phase != SequencePhase.Finished) left++;
        }

        if (!moved) throw new InvalidOperationException("no sequence can go on: nothing was planned for any of them");
        if (plan.PrefillTokens == 0)
        {
            var (bytes, given) = DecodeAllocation;
            DecodeAllocation = (bytes + GC.GetAllocatedBytesForCurrentThread() - allocated, given + tokens);
        }

        Report(begin, left, tokens);
    }

    /// <summary>Chooses experts where that is due, and goes on to the next phase, once every member has run the history.</summary>
    public void Advance(Sequence s)
    {
        foreach (var member in s.Members)
            if (s.Reads(member) && member.Cached < s.HistoryEnd) return;
        if (s.IsScore)
        {
            reporter.Complete(s);
            return;
        }

        var again = s.Phase == SequencePhase.CatchUp;
        if (s.Selects && !s.HasFixedPosterior && (again || s.AwaitsChoice))
        {
            if (again)
            {
                s.Posterior!.Reset(); // with the late joiners' likelihoods known, the posterior is exact again
                s.Observed = 0;
            }

            mixer.CatchUp(s, everyone: true);
            ExpertChoice.Apply(s, previous: again);
            if (s.ChosenLength < s.Length) return; // a probe chose: the chosen read the rest of the prompt
        }

        s.Enter(SequencePhase.Decode);
    }

    private void CommitLengths()
    {
        Array.Clear(expertRows);
        for (var i = 0; i < plan.Lanes.Count; i++)
        {
            var (lane, rows, error) = (plan.Lanes[i].Lane, plan.Lanes[i].Rows, failures[i]);
            if (error is not null && !lane.Fails)
                options.Report?.Invoke(error is BtxException ? error.Message
                    : $"{lane.Title}: its run failed: {BtxException.OneLine(error.Message)}");
            lane.Fails = error is not null;
            if (lane.Expert >= 0) expertRows[lane.Expert] = rows.Count;
            foreach (var row in rows)
            {
                if (error is not null)
                {
                    row.Sequence.Error ??= error;
                    continue;
                }

                row.Member.Cached += row.Count;
                row.Member.Steps++;
            }
        }
    }

    private void CommitToken(Sequence s)
    {
        var request = s.Generation!;
        s.FirstToken ??= options.Time.GetTimestamp();
        foreach (var member in s.Members)
            if (member.Lane.Expert >= 0) posteriorMass[member.Lane.Expert] += member.Weight;

        s.Tokens[s.Length++] = s.Drawn;
        if (s.Seen is not null) s.Seen[s.Drawn] = true;
        s.Enter(SequencePhase.Decode);
        var text = s.Text!.Push(s.Drawn);
        var stops = s.Text.Stopped || s.Constraints?.IsEnd(s.Drawn) == true
            || (!request.IgnoreEndOfSequence && Array.IndexOf(snapshot.EndTokens, s.Drawn) >= 0);
        var finish = stops ? FinishReason.Stop : s.Completed >= s.MaxTokens ? FinishReason.Length : FinishReason.None;
        if (finish != FinishReason.None)
        {
            reporter.End(s, finish, last: reporter.Token(s, text + s.Text.Flush(), finish));
            return;
        }

        s.Events!.Writer.TryWrite(reporter.Token(s, text, finish));
        if (ExpertChoice.IsDue(s)) s.Enter(SequencePhase.CatchUp);
    }

    private void Report(long begin, int sequences, int tokens)
    {
        var routed = lanes.Moe is { } lane && plan[lane].Rows.Count > 0 ? lane.Load : null;
        options.Observer?.OnStep(new StepReport
        {
            Duration = options.Time.GetElapsedTime(begin),
            RunningSequences = sequences,
            QueuedRequests = gate.Waiting,
            PrefillTokens = plan.PrefillTokens,
            GeneratedTokens = tokens,
            Experts = expertNames,
            ExpertRows = expertRows,
            PosteriorMass = posteriorMass,
            MoeExperts = moeNames,
            RoutedTokens = routed?.Tokens ?? default,
            GateMass = routed?.Mass ?? default,
        });
    }
}
