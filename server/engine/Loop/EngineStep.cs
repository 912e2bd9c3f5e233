using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model;

namespace Btx.Engine.Loop;

/// <summary>A step: plan → run → mix → sample → commit. Called by the loop's thread; lanes and
/// draws fork to workers and join again.</summary>
internal sealed class EngineStep : IDisposable
{
    // Below this many exponentials a fork costs more than it saves.
    private const int ParallelMixing = 1 << 16;

    private readonly EngineOptions options;
    private ForestSnapshot snapshot = null!;
    private readonly LaneSet lanes;
    private readonly QueueGate gate;
    private readonly SequenceReporter reporter;
    private readonly SequenceEnding ending;
    private readonly PhaseTransition transition;
    private readonly StepWorkers workers;
    private readonly Action<int, int> runLane, draw, rank;
    private readonly StepPlan plan = new();
    private string[] expertNames = [], moeNames = [];
    private int[] expertRows = [];
    private double[] posteriorMass = [];

    /// <param name="mixers">One per thread, the loop's own first.</param>
    public EngineStep(
        EngineOptions options, ForestSnapshot snapshot, LaneSet lanes, QueueGate gate, Mixer[] mixers, SequenceReporter reporter,
        SequenceEnding ending, PhaseTransition transition)
    {
        (this.options, this.lanes, this.gate) = (options, lanes, gate);
        (this.reporter, this.ending, this.transition) = (reporter, ending, transition);
        Serve(snapshot);
        workers = new StepWorkers(mixers.Length);
        LaneStep[] laneSteps = [.. mixers.Select(_ => new LaneStep(options.Slots, options.MaxBatchTokens))];
        runLane = (i, worker) => laneSteps[worker].Run(plan.Lanes[i]);
        Ranking[] rankings = [.. mixers.Select(_ => new Ranking(snapshot.Description.VocabSize))];
        rank = (i, worker) =>
        {
            if (plan.Ranked[i].Sequence.Error is null) rankings[worker].Run(plan.Ranked[i]);
        };
        draw = (i, worker) =>
        {
            if (plan.Emitting[i].Error is null) mixers[worker].Draw(plan.Emitting[i]);
        };
    }

    /// <summary>Bytes that this thread has allocated in steps that only decoded, and the
    /// tokens those steps gave: what tests bound.</summary>
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

    /// <summary>One step of all that runs. Sequences that end in it stay in the list, marked finished.</summary>
    public void Run(List<Sequence> running)
    {
        var begin = options.Time.GetTimestamp();
        var allocated = GC.GetAllocatedBytesForCurrentThread();
        StepPlanner.Plan(running, lanes.All, options.MaxBatchTokens, options.PrefillChunk, plan);
        workers.Run(plan.Lanes.Count, runLane);
        CommitLengths();
        if (plan.Ranked.Count > 0) workers.Run(plan.Ranked.Count, rank);
        if ((long)plan.Emitting.Count * Math.Max(1, expertNames.Length) * snapshot.Description.VocabSize >= ParallelMixing)
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
            if (s.Error is not null) continue;
            CommitToken(s);
            tokens++;
        }

        var moved = plan.Lanes.Count > 0;
        foreach (var s in running)
        {
            var phase = s.Phase;
            if (s.Error is { } problem && s.Phase != SequencePhase.Finished) ending.End(s, FinishReason.Failed, problem, null);
            else if (s.Phase is SequencePhase.Prefill or SequencePhase.CatchUp) transition.Advance(s);
            moved |= s.Phase != phase;
        }

        if (!moved) throw new InvalidOperationException("no sequence can go on: nothing was planned for any of them");

        if (plan.PrefillTokens == 0)
        {
            var (bytes, given) = DecodeAllocation;
            DecodeAllocation = (bytes + GC.GetAllocatedBytesForCurrentThread() - allocated, given + tokens);
        }

        var left = 0;
        foreach (var s in running) left += s.Phase == SequencePhase.Finished ? 0 : 1;
        Report(begin, left, tokens);
    }

    private void CommitLengths()
    {
        Array.Clear(expertRows);
        foreach (var lane in plan.Lanes)
        {
            if (lane.Error is { } problem && !lane.Fails)
                options.Report?.Invoke(problem is BtxException ? problem.Message
                    : $"{lane.Title}: its run failed: {BtxException.OneLine(problem.Message)}");
            lane.Fails = lane.Error is not null;
            if (lane.Expert >= 0) expertRows[lane.Expert] = lane.Rows.Count;
            foreach (var row in lane.Rows)
            {
                if (lane.Error is not null)
                {
                    row.Sequence.Error ??= lane.Error;
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
        if (s.Text.Stopped || (!request.IgnoreEndOfSequence && Array.IndexOf(snapshot.EndTokens, s.Drawn) >= 0)) finish = FinishReason.Stop;
        else if (s.Completed >= s.MaxTokens) finish = FinishReason.Length;
        if (finish == FinishReason.None)
        {
            s.Events!.Writer.TryWrite(reporter.Token(s, text, finish));
            if (ExpertChoice.IsDue(s)) s.Phase = SequencePhase.CatchUp;
            return;
        }

        ending.End(s, finish, null, reporter.Token(s, text + s.Text.Flush(), finish));
    }

    private void Report(long begin, int sequences, int tokens)
    {
        var routed = lanes.Moe is { Rows.Count: > 0 } lane ? lane.Load : null;
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
