using System.Threading.Channels;

namespace Btx.Engine.Loop;

/// <summary>The one thread that owns all mutable state. Each turn: commands, cancellations, admission, then a step.</summary>
internal sealed class EngineLoop : IDisposable
{
    private const int MostCommands = 1024; // in one turn: whoever sends more than that does not hold up who runs
    private const long Resting = long.MinValue;

    private readonly EngineOptions options;
    private readonly ChannelReader<EngineCommand> commands;
    private readonly QueueGate gate;
    private readonly BuildQueue builds;
    private readonly LaneSet lanes;
    private readonly AverageLanes averages;
    private readonly SessionStaging staging;
    private readonly Admission admission;
    private readonly SequenceReporter reporter;
    private readonly EngineStep step;
    private readonly List<Sequence> running = [];
    private readonly List<TaskCompletionSource> drains = [];
    private ForestSnapshot current; // written by the loop alone
    private EngineCommand? handled;
    private long turnBegan = Resting; // timestamp; read by any thread, also while the turn lasts
    private bool stopping, checkedIdle = true;

    public EngineLoop(EngineOptions options, ForestSnapshot snapshot, Channel<EngineCommand> channel, QueueGate gate, int threads)
    {
        (this.options, current, this.gate, commands) = (options, snapshot, gate, channel.Reader);
        lanes = new LaneSet(options.Slots);
        lanes.Install(null, snapshot);
        builds = new BuildQueue("btx-builds", snapshot.Resources.QuietBuilds);
        averages = new AverageLanes(lanes, snapshot.Resources.BuildAverage, builds, channel.Writer);
        staging = new SessionStaging(builds, channel.Writer, options.Report);
        admission = new Admission(lanes, averages, gate);
        reporter = new SequenceReporter(options.Time, options.Observer, gate);
        step = new EngineStep(options, snapshot, lanes, gate, reporter, threads);
    }

    /// <summary>What is served now. Any thread may read it; by the time it looks there may be a newer one.</summary>
    public ForestSnapshot Current => Volatile.Read(ref current);

    /// <summary>The present turn, commands and step, is longer than the limit. Any thread.</summary>
    public bool IsStalled =>
        Volatile.Read(ref turnBegan) is var began && began != Resting && options.Time.GetElapsedTime(began) > options.StepLimit;

    public int BuildsUnderWay => builds.Count;

    public (long Bytes, long Tokens) DecodeAllocation => step.DecodeAllocation;

    /// <summary>Runs until told to stop; then everything under way is cancelled.</summary>
    public void Run()
    {
        options.Observer?.OnForest(current.Description);
        Prepare();
        while (!stopping)
        {
            Volatile.Write(ref turnBegan, options.Time.GetTimestamp());
            options.InjectFault?.Invoke(ForestEngine.FaultPoints[0]);
            for (var n = 0; n < MostCommands && commands.TryRead(out handled); n++) Handle(handled);
            handled = null;
            Reap();
            if (stopping) break;
            admission.Admit(running, options.Time.GetTimestamp());
            foreach (var s in running)
                if (s.Phase == SequencePhase.Prefill) step.Advance(s);

            Compact();
            lanes.Sweep();
            if (running.Count > 0)
            {
                Turn();
                continue;
            }

            Idle();
            Volatile.Write(ref turnBegan, Resting);
            commands.WaitToReadAsync().AsTask().GetAwaiter().GetResult();
        }

        Volatile.Write(ref turnBegan, Resting);
    }

    /// <summary>After <see cref="Run"/> threw: ends everything under way with its exception.</summary>
    public void Fail(Exception e)
    {
        foreach (var s in Everything)
        {
            try
            {
                reporter.End(s, FinishReason.Failed, e);
            }
            catch (Exception)
            {
                // What is broken may break here as well: the sequence's reader was told, and the others are to be.
            }
        }

        if (handled is not null) Refuse(handled, e);
        foreach (var drain in drains) drain.TrySetResult();
    }

    /// <summary>Answers a command that came after the end, and frees what it carries.</summary>
    /// <param name="error">Why the loop ended; null: it was told to.</param>
    public void Refuse(EngineCommand command, Exception? error)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                reporter.End(submit.Sequence, error is null ? FinishReason.Cancelled : FinishReason.Failed, error);
                break;
            case EngineCommand.AverageReady { Model: { } model }: model.Release(); break;
            case EngineCommand.SessionsReady ready: SessionStaging.Finish(ready); break;
            case EngineCommand.Swap swap:
                swap.Next.Retire();
                swap.Done.TrySetException(error ?? new RequestRejectedException(ErrorKind.Unavailable,
                    "the server is shutting down; the forest was not changed"));
                break;
            case EngineCommand.Drain drain: drain.Empty.TrySetResult(); break;
            case EngineCommand.Inspect inspect: inspect.View.TrySetCanceled(); break;
        }
    }

    /// <summary>After the end: frees threads and models.</summary>
    public void Dispose()
    {
        step.Dispose();
        foreach (var drain in drains) drain.TrySetResult();
        averages.Cancel();
        lanes.Release();
        current.Retire();
        builds.Dispose();
        BuildQueue.Releases.Flush();
    }

    private IEnumerable<Sequence> Everything => running.Concat(admission.Resuming).Concat(admission.Waiting);

    private EngineView View => EngineView.Of(lanes.All, running, admission, gate, current);

    private void Handle(EngineCommand command)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                if (ForestSwap.Admissible(submit.Sequence, current, reporter)) admission.Waiting.Add(submit.Sequence);
                break;
            case EngineCommand.AverageReady ready:
                if (!averages.Complete(ready)) break;
                foreach (var s in admission.WaitingFor(ready.Recipe)) reporter.End(s, FinishReason.Failed, ready.Error);
                admission.Sweep();
                break;
            case EngineCommand.SessionsReady ready:
                if (lanes.Find(ready.Model) is not null) ready.Sessions.Install();
                SessionStaging.Finish(ready);
                break;
            case EngineCommand.Swap swap: Swap(swap); break;
            case EngineCommand.Drain drain: drains.Add(drain.Empty); break;
            case EngineCommand.CancelAll or EngineCommand.Stop:
                foreach (var s in Everything) s.RequestCancel();
                stopping |= command is EngineCommand.Stop;
                break;
            case EngineCommand.Inspect inspect: inspect.View.SetResult(View); break;
        }
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
                new BtxException(ErrorKind.Conflict, "the forest has changed since this change was prepared; prepare it again"));
            return;
        }

        var begin = options.Time.GetTimestamp();
        var gone = present.Models.Except(next.Models).ToHashSet();
        var fresh = next.Models.Except(present.Models).ToList();
        var swap = new ForestSwap(next, command.Policy, gone, lanes, averages, admission, reporter);
        swap.Apply(present, running);
        step.Serve(next);
        Volatile.Write(ref current, next);
        options.Observer?.OnForest(next.Description);
        lanes.Sweep();
        present.Retire(inBackground: true);
        foreach (var model in fresh) staging.Start(model);
        Prepare();
        swap.Complete(command, options.Time.GetElapsedTime(begin), options.Time);
    }

    private void Reap()
    {
        foreach (var s in running)
            if (s.IsCancelled) reporter.End(s, FinishReason.Cancelled);
        Compact();
        admission.Reap(reporter);
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
            foreach (var s in running) reporter.End(s, FinishReason.Failed, e);
        }

        Compact();
    }

    private void Compact() => running.RemoveAll(static s => s.Phase == SequencePhase.Finished);

    private void Idle()
    {
        if (!checkedIdle && EngineInvariants.Problems(View) is { Count: > 0 } problems)
            throw new InvalidOperationException($"engine invariants broken: {string.Join("; ", problems)}");
        checkedIdle = true;
        if (admission.Waiting.Count + admission.Resuming.Count > 0) return;
        options.Observer?.OnIdle();
        foreach (var drain in drains) drain.TrySetResult();
        drains.Clear();
    }
}
