using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model.Mixing;

namespace Btx.Engine.Loop;

/// <summary>
/// The one thread that owns all mutable state. Each turn: commands, cancellations, admission, then a step: plan → run → mix →
/// sample → commit. Others send commands and read channels.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    // Below this many exponentials a fork costs more than it saves.
    private const int ParallelMixing = 1 << 16;

    private readonly EngineOptions options;
    private readonly ForestSnapshot snapshot;
    private readonly ChannelReader<EngineCommand> commands;
    private readonly QueueGate gate;
    private readonly List<Lane> lanes;
    private readonly Admission admission;
    private readonly SequenceReporter reporter;
    private readonly StepWorkers workers;
    private readonly LaneStep[] laneSteps;
    private readonly Mixer[] mixers;
    private readonly Action<int, int> runLane, draw;
    private readonly List<Sequence> running = [];
    private readonly StepPlan plan = new();
    private readonly List<TaskCompletionSource> drains = [];
    private readonly string[] expertNames;
    private readonly int[] expertRows;
    private readonly double[] posteriorMass;
    private bool stopping, checkedIdle = true;

    public EngineLoop(EngineOptions options, ForestSnapshot snapshot, Channel<EngineCommand> channel, QueueGate gate, int threads)
    {
        (this.options, this.snapshot, this.gate, commands) = (options, snapshot, gate, channel.Reader);
        expertNames = [.. snapshot.Description.Experts];
        lanes = [.. snapshot.Experts.Select((runner, j) => new Lane(expertNames[j], j, runner, options.Slots))];
        admission = new Admission([.. lanes], lanes, gate, (key, from) => Build(key, from, channel.Writer));
        reporter = new SequenceReporter(expertNames.Length, options.Time, options.Observer);
        workers = new StepWorkers(threads);
        laneSteps = [.. Enumerable.Range(0, threads).Select(_ => new LaneStep(options.Slots, options.MaxBatchTokens))];
        mixers = [.. Enumerable.Range(0, threads).Select(_ => new Mixer(snapshot.Description.VocabSize, expertNames.Length))];
        expertRows = new int[expertNames.Length];
        posteriorMass = new double[expertNames.Length];
        runLane = (i, worker) => laneSteps[worker].Run(plan.Lanes[i]);
        draw = (i, worker) =>
        {
            if (plan.Emitting[i].Fault is null) mixers[worker].Draw(plan.Emitting[i]);
        };
    }

    /// <summary>Bytes that this thread has allocated in steps that only decoded, and the tokens those steps gave: what tests bound.</summary>
    public (long Bytes, long Tokens) DecodeAllocation { get; private set; }

    /// <summary>Runs until told to stop; then everything under way is cancelled.</summary>
    public void Run()
    {
        while (true)
        {
            while (commands.TryRead(out var command)) Handle(command);
            Reap();
            if (stopping) break;
            admission.Admit(running, options.Time.GetTimestamp());
            foreach (var s in running)
            {
                if (s.Phase == SequencePhase.Prefill) Advance(s);
            }

            Compact();
            if (running.Count > 0)
            {
                Turn();
                continue;
            }

            Idle();
            commands.WaitToReadAsync().AsTask().GetAwaiter().GetResult();
        }

    }

    /// <summary>After <see cref="Run"/> threw: ends everything under way with its exception.</summary>
    public void Fail(Exception e)
    {
        foreach (var s in running) End(s, FinishReason.Failed, e, null);
        foreach (var s in admission.Waiting) End(s, FinishReason.Failed, e, null, waited: true);
        foreach (var drain in drains) drain.TrySetResult();
    }

    /// <summary>Answers a command that came after the end.</summary>
    public void Refuse(EngineCommand command, Exception? fault)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                End(submit.Sequence, fault is null ? FinishReason.Cancelled : FinishReason.Failed, fault, null, waited: true);
                break;
            case EngineCommand.AverageReady { Lane: { } lane }:
                lane.Runner.Dispose();
                break;
            case EngineCommand.Drain drain:
                drain.Empty.TrySetResult();
                break;
            case EngineCommand.Inspect inspect:
                inspect.View.TrySetCanceled();
                break;
        }
    }

    /// <summary>After the end: frees threads and models.</summary>
    public void Dispose()
    {
        workers.Dispose();
        foreach (var drain in drains) drain.TrySetResult();
        foreach (var lane in lanes.Where(l => l.Expert < 0)) lane.Runner.Dispose();
        snapshot.Retire();
    }

    private void Handle(EngineCommand command)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                admission.Waiting.Add(submit.Sequence);
                break;
            case EngineCommand.AverageReady ready:
                foreach (var s in admission.Complete(ready.Key, ready.Lane)) End(s, FinishReason.Failed, ready.Fault, null, waited: true);
                break;
            case EngineCommand.Drain drain:
                drains.Add(drain.Empty);
                break;
            case EngineCommand.CancelAll:
                foreach (var s in running) s.RequestCancel();
                foreach (var s in admission.Waiting) s.RequestCancel();
                break;
            case EngineCommand.Inspect inspect:
                inspect.View.SetResult(View());
                break;
            case EngineCommand.Stop:
                foreach (var s in running) s.RequestCancel();
                foreach (var s in admission.Waiting) s.RequestCancel();
                stopping = true;
                break;
        }
    }

    private void Reap()
    {
        foreach (var s in running)
        {
            if (s.IsCancelled) End(s, FinishReason.Cancelled, null, null);
        }

        Compact();
        for (var i = admission.Waiting.Count - 1; i >= 0; i--)
        {
            var s = admission.Waiting[i];
            if (!s.IsCancelled) continue;
            admission.Waiting.RemoveAt(i);
            End(s, FinishReason.Cancelled, null, null, waited: true);
        }
    }

    private void Turn()
    {
        checkedIdle = false;
        try
        {
            Step();
        }
        catch (Exception e)
        {
            foreach (var s in running)
            {
                if (s.Phase != SequencePhase.Finished) End(s, FinishReason.Failed, e, null);
            }
        }

        Compact();
    }

    private void Step()
    {
        var begin = options.Time.GetTimestamp();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        StepPlanner.Plan(running, lanes, options.MaxBatchTokens, options.PrefillChunk, plan);
        workers.Run(plan.Lanes.Count, runLane);
        CommitLengths();
        if (plan.Emitting.Count * expertNames.Length * snapshot.Description.VocabSize >= ParallelMixing)
        {
            workers.Run(plan.Emitting.Count, draw);
        }
        else
        {
            for (var i = 0; i < plan.Emitting.Count; i++) draw(i, 0);
        }

        Array.Clear(posteriorMass);
        var tokens = 0;
        foreach (var s in plan.Emitting)
        {
            if (s.Fault is not null) continue;
            CommitToken(s);
            tokens++;
        }

        foreach (var s in running)
        {
            if (s.Fault is { } fault && s.Phase != SequencePhase.Finished) End(s, FinishReason.Failed, fault, null);
            else if (s.Phase is SequencePhase.Prefill or SequencePhase.CatchUp) Advance(s);
        }

        if (plan.PrefillTokens == 0)
        {
            var (bytes, given) = DecodeAllocation;
            DecodeAllocation = (bytes + GC.GetAllocatedBytesForCurrentThread() - allocated, given + tokens);
        }

        Report(begin, tokens);
    }

    private void CommitLengths()
    {
        Array.Clear(expertRows);
        foreach (var lane in plan.Lanes)
        {
            if (lane.Expert >= 0) expertRows[lane.Expert] = lane.Rows.Count;
            foreach (var row in lane.Rows)
            {
                if (lane.Fault is not null)
                {
                    row.Sequence.Fault ??= lane.Fault;
                    continue;
                }

                row.Sequence.Members[row.Member].Cached += row.Count;
                row.Sequence.Members[row.Member].Steps++;
            }
        }
    }

    private void CommitToken(Sequence s)
    {
        var request = s.Generation!;
        if (s.FirstToken == 0) s.FirstToken = options.Time.GetTimestamp();
        for (var m = 0; m < s.Members.Length; m++)
        {
            if (s.Members[m].Lane.Expert >= 0) posteriorMass[s.Members[m].Lane.Expert] += s.Weights[m];
        }

        s.Tokens[s.Length++] = s.Drawn;
        if (s.Seen is not null) s.Seen[s.Drawn] = true;
        s.Phase = SequencePhase.Decode;
        var text = s.Text!.Push(s.Drawn);
        var finish = FinishReason.None;
        if (s.Text.Stopped || (s.Drawn == snapshot.EosId && !request.IgnoreEndOfSequence)) finish = FinishReason.Stop;
        else if (s.Completed >= s.MaxTokens) finish = FinishReason.Length;
        if (finish == FinishReason.None)
        {
            s.Events!.Writer.TryWrite(reporter.Token(s, text, finish));
            if (ExpertChoice.IsDue(s)) s.Phase = SequencePhase.CatchUp;
            return;
        }

        End(s, finish, null, reporter.Token(s, text + s.Text.Flush(), finish));
    }

    /// <summary>Goes on to the next phase once every member that has a slot has run all but the last token.</summary>
    private void Advance(Sequence s)
    {
        foreach (var member in s.Members)
        {
            if (member.Slot >= 0 && member.Cached < s.Length - 1) return;
        }

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
            mixers[0].CatchUp(s);
            ExpertChoice.Apply(s, previous: again);
        }

        s.Phase = SequencePhase.Decode;
    }

    // The mixture of a long text over many experts is no work for the loop.
    private void Complete(Sequence s)
    {
        var score = s.Score!;
        End(s, FinishReason.Stop, null, null);
        ThreadPool.UnsafeQueueUserWorkItem(
            static work =>
            {
                try
                {
                    work.score.TrySetResult(work.reporter.ScoreOf(work.s));
                }
                catch (Exception e)
                {
                    work.score.TrySetException(e);
                }
            },
            (reporter, score, s),
            preferLocal: false);
    }

    private void End(Sequence s, FinishReason reason, Exception? fault, TokenEvent? last, bool waited = false)
    {
        if (s.Phase == SequencePhase.Finished) return;
        foreach (var member in s.Members) member.ReturnSlot();
        s.Phase = SequencePhase.Finished;
        s.Cancellation.Unregister();
        if (waited) gate.Leave();
        reporter.End(s, reason, fault, last);
        s.Lease.Return();
    }

    private void Compact()
    {
        var kept = 0;
        for (var i = 0; i < running.Count; i++)
        {
            if (running[i].Phase != SequencePhase.Finished) running[kept++] = running[i];
        }

        running.RemoveRange(kept, running.Count - kept);
    }

    private void Idle()
    {
        if (!checkedIdle && EngineInvariants.Faults(View()) is { Count: > 0 } faults)
            throw new InvalidOperationException($"engine invariants broken: {string.Join("; ", faults)}");
        checkedIdle = true;
        if (admission.Waiting.Count > 0) return;
        foreach (var drain in drains) drain.TrySetResult();
        drains.Clear();
    }

    private void Report(long begin, int tokens)
    {
        options.Observer?.OnStep(new StepReport
        {
            Duration = options.Time.GetElapsedTime(begin),
            RunningSequences = running.Count,
            QueuedRequests = gate.Waiting,
            PrefillTokens = plan.PrefillTokens,
            GeneratedTokens = tokens,
            Experts = expertNames,
            ExpertRows = expertRows,
            PosteriorMass = posteriorMass,
        });
    }

    private void Build(AverageKey key, ForestSnapshot from, ChannelWriter<EngineCommand> writer) => Task.Run(() =>
    {
        EngineCommand result;
        try
        {
            result = new EngineCommand.AverageReady(key, new Lane(key.ToString(), -1, from.BuildAverage(key), options.Slots), null);
        }
        catch (Exception e)
        {
            result = new EngineCommand.AverageReady(key, null, e);
        }

        writer.TryWrite(result);
    });

    private EngineView View() => new(
        [.. lanes.Select(l => new EngineView.LaneView(l.Name, [.. Enumerable.Range(0, l.Slots.Count).Select(l.Slots.IsUsed)], l.Slots.Free))],
        [.. running.Select(s => new EngineView.SequenceView(
            s.Id, s.Phase, s.Length, s.Observed,
            [.. s.Members.Select(m => new EngineView.MemberView(m.Lane.Name, m.Slot, m.Cached, m.Active))], s.Weights.Sum()))],
        admission.Waiting.Count, Math.Max(1, gate.Capacity), snapshot.Leases, snapshot.Description.ContextLength);
}
