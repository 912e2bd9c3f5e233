using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;
using Btx.Model;

namespace Btx.Engine.Loop;

/// <summary>
/// The one thread that owns all mutable state. Each turn: commands, cancellations, admission, then
/// a step. Others send commands and read channels.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    private readonly EngineOptions options;
    private readonly ChannelReader<EngineCommand> commands;
    private readonly QueueGate gate;
    private readonly BuildQueue builds;
    private readonly LaneSet lanes;
    private readonly AverageLanes averages;
    private readonly SessionStaging staging;
    private readonly Admission admission;
    private readonly SequenceEnding ending;
    private readonly PhaseTransition transition;
    private readonly EngineStep step;
    private readonly TurnWatch watch;
    private readonly List<Sequence> running = [];
    private readonly List<TaskCompletionSource> drains = [];
    private const int MostCommands = 1024; // in one turn: whoever sends more than that does not hold up who runs
    private ForestSnapshot current; // written by the loop alone
    private EngineCommand? handled;
    private bool stopping, checkedIdle = true;

    public EngineLoop(EngineOptions options, ForestSnapshot snapshot, Channel<EngineCommand> channel, QueueGate gate, int threads)
    {
        (this.options, current, this.gate, commands) = (options, snapshot, gate, channel.Reader);
        watch = new TurnWatch(options.Time);
        lanes = new LaneSet(options.Slots);
        lanes.Install(null, snapshot);
        builds = new BuildQueue("btx-builds", snapshot.Resources.QuietBuilds);
        averages = new AverageLanes(lanes, snapshot.Resources.BuildAverage, builds, channel.Writer);
        staging = new SessionStaging(builds, channel.Writer, options.Report);
        admission = new Admission(lanes, averages, gate);
        Mixer[] mixers = [.. Enumerable.Range(0, threads).Select(_ => new Mixer(snapshot.Description.VocabSize, snapshot.Experts.Count))];
        var reporter = new SequenceReporter(options.Time, options.Observer);
        ending = new SequenceEnding(gate, reporter);
        transition = new PhaseTransition(mixers[0], ending);
        step = new EngineStep(options, snapshot, lanes, gate, mixers, reporter, ending, transition);
    }

    /// <summary>What is served now. Any thread may read it; by the time it looks there may be a newer one.</summary>
    public ForestSnapshot Current => Volatile.Read(ref current);

    /// <summary>The present turn, commands and step, is longer than the limit. Any thread.</summary>
    public bool IsStalled => watch.Elapsed > options.StepLimit;

    /// <inheritdoc cref="BuildQueue.Count"/>
    public int BuildsUnderWay => builds.Count;

    /// <inheritdoc cref="EngineStep.DecodeAllocation"/>
    public (long Bytes, long Tokens) DecodeAllocation => step.DecodeAllocation;

    /// <summary>Runs until told to stop; then everything under way is cancelled.</summary>
    public void Run()
    {
        options.Observer?.OnForest(current.Description);
        Prepare();
        while (true)
        {
            watch.Begin();
            options.InjectFault?.Invoke(ForestEngine.FaultPoints[0]);
            for (var n = 0; n < MostCommands && commands.TryRead(out handled); n++) Handle(handled);
            handled = null;
            Reap();
            if (stopping) break;
            admission.Admit(running, options.Time.GetTimestamp());
            foreach (var s in running)
            {
                if (s.Phase == SequencePhase.Prefill) transition.Advance(s);
            }

            Compact();
            lanes.Sweep();
            if (running.Count > 0)
            {
                Turn();
                continue;
            }

            Idle();
            watch.Rest();
            commands.WaitToReadAsync().AsTask().GetAwaiter().GetResult();
        }

        watch.Rest();
    }

    /// <summary>After <see cref="Run"/> threw: ends everything under way with its exception.</summary>
    public void Fail(Exception e)
    {
        foreach (var s in Everything)
        {
            try
            {
                ending.End(s, FinishReason.Failed, e, null, waited: s.Admitted == 0);
            }
            catch (Exception)
            {
                // What is broken may break here as well: the sequence's reader was told, and the others are to be.
            }
        }

        if (handled is not null) Refuse(handled, e);
        foreach (var drain in drains) drain.TrySetResult();
    }

    /// <inheritdoc cref="RefusedCommand.Answer"/>
    public void Refuse(EngineCommand command, Exception? problem) => RefusedCommand.Answer(command, problem, ending);

    /// <summary>After the end: frees threads and models.</summary>
    public void Dispose()
    {
        step.Dispose();
        foreach (var drain in drains) drain.TrySetResult();
        averages.Cancel();
        builds.Dispose();
        lanes.Release();
        current.Retire();
        builds.Join();
        BuildQueue.Releases.Flush();
    }

    private IEnumerable<Sequence> Everything => running.Concat(admission.Resuming).Concat(admission.Waiting);

    private void Handle(EngineCommand command)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                if (ForestSwap.Admissible(submit.Sequence, current, ending)) admission.Waiting.Add(submit.Sequence);
                break;
            case EngineCommand.AverageReady ready:
                if (!averages.Complete(ready)) break;
                foreach (var s in admission.RemoveWaitingFor(ready.Recipe))
                    ending.End(s, FinishReason.Failed, ready.Error, null, waited: s.Admitted == 0);
                break;
            case EngineCommand.SessionsReady ready:
                if (lanes.Find(ready.Model) is not null) ready.Sessions.Install();
                SessionStaging.Finish(ready);
                break;
            case EngineCommand.Swap swap:
                Swap(swap);
                break;
            case EngineCommand.Drain drain:
                drains.Add(drain.Empty);
                break;
            case EngineCommand.CancelAll:
                CancelAll();
                break;
            case EngineCommand.Inspect inspect:
                inspect.View.SetResult(View());
                break;
            case EngineCommand.Stop:
                CancelAll();
                stopping = true;
                break;
        }
    }

    private void CancelAll()
    {
        foreach (var s in Everything) s.RequestCancel();
    }

    private void Prepare()
    {
        if (options.PrepareAverages && current.Experts.Count > 1) averages.Prepare(current);
    }

    private void Swap(EngineCommand.Swap command)
    {
        var (present, next) = (current, command.Next);
        if (next.PreviousId != present.Id)
        {
            next.Retire();
            command.Done.TrySetException(
                new BtxException("the forest has changed since this change was prepared; prepare it again") { Kind = ErrorKind.Conflict });
            return;
        }

        var begin = options.Time.GetTimestamp();
        var gone = present.Models.Except(next.Models).ToHashSet();
        var fresh = next.Models.Except(present.Models).ToList();
        var swap = new ForestSwap(next, command.Policy, gone, lanes, averages, admission, ending);
        swap.Apply(present, running);
        List<ServedModel> leaving = [.. gone, .. swap.Averages];
        step.Serve(next);
        Volatile.Write(ref current, next);
        options.Observer?.OnForest(next.Description);
        lanes.Sweep();
        present.Retire(beside: true);
        foreach (var model in fresh) staging.Start(model);
        Prepare();
        var pause = options.Time.GetElapsedTime(begin);
        swap.Complete(command, leaving, pause, options.Time);
    }

    private void Reap()
    {
        foreach (var s in running)
        {
            if (s.IsCancelled) ending.End(s, FinishReason.Cancelled, null, null);
        }

        Compact();
        admission.Reap(ending);
    }

    private void Turn()
    {
        checkedIdle = false;
        try
        {
            options.InjectFault?.Invoke(ForestEngine.FaultPoints[1]);
            step.Run(running);
        }
        catch (Exception e)
        {
            foreach (var s in running)
            {
                if (s.Phase != SequencePhase.Finished) ending.End(s, FinishReason.Failed, e, null);
            }
        }

        Compact();
    }

    private void Compact() => running.RemoveAll(static s => s.Phase == SequencePhase.Finished);

    private void Idle()
    {
        if (!checkedIdle && EngineInvariants.Problems(View()) is { Count: > 0 } problems)
            throw new InvalidOperationException($"engine invariants broken: {string.Join("; ", problems)}");
        checkedIdle = true;
        if (admission.Waiting.Count + admission.Resuming.Count > 0) return;
        options.Observer?.OnIdle();
        foreach (var drain in drains) drain.TrySetResult();
        drains.Clear();
    }

    private EngineView View() => EngineView.Of(lanes.All, running, admission, gate, current);
}
