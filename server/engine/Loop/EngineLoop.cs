using System.Threading.Channels;
using Btx.Engine.Forests;
using Btx.Engine.Requests;
using Btx.Engine.Scheduling;

namespace Btx.Engine.Loop;

/// <summary>
/// The one thread that owns all mutable state. Each turn: commands, cancellations, admission, then a step. Others send commands and read channels.
/// </summary>
internal sealed class EngineLoop : IDisposable
{
    private readonly EngineOptions options;
    private readonly ForestSnapshot snapshot;
    private readonly ChannelReader<EngineCommand> commands;
    private readonly QueueGate gate;
    private readonly List<Lane> lanes;
    private readonly Lane? mixture;
    private readonly Admission admission;
    private readonly SequenceEnding ending;
    private readonly PhaseTransition transition;
    private readonly EngineStep step;
    private readonly List<Sequence> running = [];
    private readonly List<TaskCompletionSource> drains = [];
    private bool stopping, checkedIdle = true;

    public EngineLoop(EngineOptions options, ForestSnapshot snapshot, Channel<EngineCommand> channel, QueueGate gate, int threads)
    {
        (this.options, this.snapshot, this.gate, commands) = (options, snapshot, gate, channel.Reader);
        var experts = snapshot.Description.Experts;
        lanes = [.. snapshot.Experts.Select((runner, j) => new Lane(experts[j], j, runner, options.Slots))];
        Lane[] forest = [.. lanes];
        if (snapshot.Mixture is { } served)
        {
            mixture = new Lane("the BTX model", -1, served.Runner, options.Slots, new MixtureLoad(served.Description.Layers, served.Description.Experts.Count));
            lanes.Add(mixture);
        }

        admission = new Admission(forest, mixture, lanes, gate, new AverageBuilds(options.Slots, channel.Writer));
        Mixer[] mixers = [.. Enumerable.Range(0, threads).Select(_ => new Mixer(snapshot.Description.VocabSize, experts.Count))];
        var reporter = new SequenceReporter(experts.Count, options.Time, options.Observer);
        ending = new SequenceEnding(gate, reporter);
        transition = new PhaseTransition(mixers[0], reporter, ending);
        step = new EngineStep(options, snapshot, lanes, mixture, gate, mixers, reporter, ending, transition);
    }

    /// <inheritdoc cref="EngineStep.DecodeAllocation"/>
    public (long Bytes, long Tokens) DecodeAllocation => step.DecodeAllocation;

    /// <summary>Runs until told to stop; then everything under way is cancelled.</summary>
    public void Run()
    {
        if (options.PrepareAverages && snapshot.Experts.Count > 1) admission.Prepare(snapshot);
        while (true)
        {
            while (commands.TryRead(out var command)) Handle(command);
            Reap();
            if (stopping) break;
            admission.Admit(running, options.Time.GetTimestamp());
            foreach (var s in running)
            {
                if (s.Phase == SequencePhase.Prefill) transition.Advance(s);
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
        foreach (var s in running) ending.End(s, FinishReason.Failed, e, null);
        foreach (var s in admission.Waiting) ending.End(s, FinishReason.Failed, e, null, waited: true);
        foreach (var drain in drains) drain.TrySetResult();
    }

    /// <summary>Answers a command that came after the end.</summary>
    public void Refuse(EngineCommand command, Exception? fault)
    {
        switch (command)
        {
            case EngineCommand.Submit submit:
                ending.End(submit.Sequence, fault is null ? FinishReason.Cancelled : FinishReason.Failed, fault, null, waited: true);
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
        step.Dispose();
        foreach (var drain in drains) drain.TrySetResult();
        foreach (var lane in lanes.Where(l => l.Expert < 0 && l != mixture)) lane.Runner.Dispose(); // the averages; the snapshot frees the rest
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
                foreach (var s in admission.Complete(ready.Key, ready.Lane)) ending.End(s, FinishReason.Failed, ready.Fault, null, waited: true);
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
            if (s.IsCancelled) ending.End(s, FinishReason.Cancelled, null, null);
        }

        Compact();
        for (var i = admission.Waiting.Count - 1; i >= 0; i--)
        {
            var s = admission.Waiting[i];
            if (!s.IsCancelled) continue;
            admission.Waiting.RemoveAt(i);
            ending.End(s, FinishReason.Cancelled, null, null, waited: true);
        }
    }

    private void Turn()
    {
        checkedIdle = false;
        try
        {
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
        options.Observer?.OnIdle();
        foreach (var drain in drains) drain.TrySetResult();
        drains.Clear();
    }

    private EngineView View() => new(
        [.. lanes.Select(l => new EngineView.LaneView(l.Name, [.. Enumerable.Range(0, l.Slots.Count).Select(l.Slots.IsUsed)], l.Slots.Free))],
        [.. running.Select(s => new EngineView.SequenceView(
            s.Id, s.Phase, s.Length, s.Observed,
            [.. s.Members.Select(m => new EngineView.MemberView(m.Lane.Name, m.Slot, m.Cached, m.Active))], s.Weights.Sum()))],
        admission.Waiting.Count, Math.Max(1, gate.Capacity), snapshot.Leases, snapshot.Description.ContextLength);
}
