using System.Threading.Channels;
using Btx.Engine.Loop;

namespace Btx.Engine;

/// <summary>Serves a forest, a BTX model or both: validates requests, hands them to the loop, gives streams. Thread-safe.</summary>
public sealed class ForestEngine : IForestEngine
{
    // After the deadline of a shutdown: the step under way may end, and what it belongs to be cancelled.
    private static readonly TimeSpan LastStep = TimeSpan.FromSeconds(3);

    private readonly EngineOptions options;
    // What a write continues is the loop's own wait: no thread of the pool is between.
    private readonly Channel<EngineCommand> commands =
        Channel.CreateUnbounded<EngineCommand>(new UnboundedChannelOptions { SingleReader = true, AllowSynchronousContinuations = true });
    private readonly QueueGate gate;
    private readonly EngineLoop loop;
    private readonly CancellationTokenSource abandoned = new();
    private readonly TaskCompletionSource stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool closing;
    private volatile Exception? broken;
    private int disposed;

    internal ForestEngine(EngineOptions options, ForestSnapshot snapshot, int threads)
    {
        this.options = options;
        Tokenizer = snapshot.Tokenizer;
        gate = new QueueGate(options.QueueCapacity);
        loop = new EngineLoop(options, snapshot, commands, gate, threads);
        new Thread(RunLoop) { IsBackground = true, Name = "btx-engine" }.Start();
    }

    /// <summary>What <see cref="EngineOptions.InjectFault"/> is called with: before each turn (a failure is fatal) and in a step.</summary>
    public static IReadOnlyList<string> FaultPoints { get; } = ["engine:turn", "engine:step"];

    public TextTokenizer Tokenizer { get; }

    /// <summary>Averages and prepacked sessions that are being made beside the running ones, or wait for it.</summary>
    public int BuildsUnderWay => loop.BuildsUnderWay;

    /// <inheritdoc cref="EngineStep.DecodeAllocation"/>
    internal (long Bytes, long Tokens) DecodeAllocation => loop.DecodeAllocation;

    /// <summary>Loads what the options name, a forest in its last committed state, and starts its loop.</summary>
    /// <exception cref="BtxException">An option is out of range, a file is missing or damaged, or the device is not there.</exception>
    public static ForestEngine Start(EngineOptions options) => SnapshotLoader.Start(options);

    public string? Problem => broken is { } e
        ? $"the engine has failed: {BtxException.OneLine(e.Message)}"
        : loop.IsStalled
        ? $"the engine's thread is busy with one step for longer than --step-limit, {options.StepLimit.TotalSeconds:0.###} s" : null;

    public ForestDescription Describe() => loop.Current.Description;

    public int LiveSnapshots => loop.Current.Resources.LiveSnapshots;

    /// <summary>Opens and checks what a change adds, beside the running forest. Slow; nothing changes until it is swapped in.</summary>
    /// <returns>For one call of <see cref="SwapAsync"/>, or <see cref="ForestSnapshot.Discard"/>; it holds its models until then.</returns>
    /// <exception cref="BtxException">The change names what is not there or is there already, or a file is at fault.</exception>
    public Task<ForestSnapshot> PrepareAsync(ForestChange change, CancellationToken cancellation = default) =>
        BuildThread.RunAsync(() => SnapshotBuilder.Next(loop.Current, change, cancellation), loop.Current.Resources.IsQuiet(change));

    /// <summary>Serves another forest from the next step on; requests under way go on by <paramref name="policy"/>. Models that both have
    /// stay as they are. An added expert runs without prepacked weights until those are made, in the background.</summary>
    /// <param name="next">Taken over; made from the present forest, or from one whose swap was asked for before.</param>
    /// <returns>Completes when no step can use what left the forest and its sessions, KV caches, averages and mappings are freed.</returns>
    /// <exception cref="BtxException">The forest has changed since <paramref name="next"/> was prepared.</exception>
    /// <exception cref="RequestRejectedException">The server is shutting down.</exception>
    public Task<SwapReport> SwapAsync(ForestSnapshot next, InFlightPolicy policy)
    {
        var done = new TaskCompletionSource<SwapReport>(TaskCreationOptions.RunContinuationsAsynchronously);
        var command = new EngineCommand.Swap(next, policy, options.Time.GetTimestamp(), done);
        if (closing || !commands.Writer.TryWrite(command)) loop.Refuse(command, null);
        return done.Task;
    }

    internal ForestSnapshot Current => loop.Current;

    public ChannelReader<TokenEvent> Generate(GenerationRequest request, CancellationToken cancellation)
    {
        var sequence = Sequence.Of(request, Lease(snapshot => RequestRules.Check(request, snapshot)), options);
        Enqueue(sequence, cancellation);
        return sequence.Events!.Reader;
    }

    public Task<ScoreResult> ScoreAsync(ScoreRequest request, CancellationToken cancellation)
    {
        var sequence = Sequence.Of(request, Lease(snapshot => RequestRules.Check(request, snapshot.Description)), options);
        Enqueue(sequence, cancellation);
        return sequence.Score!.Task;
    }

    public async Task DrainAsync(CancellationToken deadline)
    {
        closing = true;
        var empty = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!commands.Writer.TryWrite(new EngineCommand.Drain(empty))) return;
        var late = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var registration = deadline.UnsafeRegister(
            _ =>
            {
                commands.Writer.TryWrite(new EngineCommand.CancelAll());
                late.TrySetResult();
            },
            null);
        if (await Task.WhenAny(empty.Task, late.Task) == empty.Task) return;
        if (await Task.WhenAny(empty.Task, Task.Delay(LastStep, options.Time, CancellationToken.None)) == empty.Task) return;
        broken ??= new TimeoutException("the engine's thread did not end its step for the shutdown");
        await abandoned.CancelAsync();
    }

    public async ValueTask DisposeAsync() => await BeginStop();

    /// <summary>As <see cref="DisposeAsync"/>, waiting on the caller's thread.</summary>
    internal void Stop() => BeginStop().Wait();

    /// <summary>A copy of the loop's state between two steps.</summary>
    internal Task<EngineView> InspectAsync()
    {
        var view = new TaskCompletionSource<EngineView>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (!commands.Writer.TryWrite(new EngineCommand.Inspect(view))) view.SetCanceled();
        return view.Task;
    }

    private Task BeginStop()
    {
        closing = true;
        if (Interlocked.Exchange(ref disposed, 1) == 0) commands.Writer.TryWrite(new EngineCommand.Stop());
        return stopped.Task;
    }

    /// <summary>On the forest of this moment, which passes the check.</summary>
    private SnapshotLease Lease(Action<ForestSnapshot> check)
    {
        while (true)
        {
            if (loop.Current.TryLease() is not { } lease)
            {
                RequireOpen(); // retired a moment ago: either there is a newer one, or this was the last
                continue;
            }

            try
            {
                check(lease.Snapshot);
                return lease;
            }
            catch
            {
                lease.Return();
                throw;
            }
        }
    }

    private void RequireOpen()
    {
        if (broken is { } e) throw new RequestRejectedException(ErrorKind.Internal, $"the engine has failed: {e.Message}", e);
        if (closing) throw new RequestRejectedException(ErrorKind.Unavailable, "the server is shutting down");
    }

    private void Enqueue(Sequence s, CancellationToken cancellation)
    {
        try
        {
            RequireOpen();
            if (!gate.TryEnter())
                throw new RequestRejectedException(ErrorKind.Busy, $"{gate.Capacity} requests are waiting already; try again later");
        }
        catch
        {
            s.Lease.Return();
            throw;
        }

        // The registration may fire before the loop sees the sequence: the flag is looked at before it is admitted.
        s.Cancellation = cancellation.UnsafeRegister(
            static (state, _) =>
            {
                var (sequence, writer) = ((Sequence, ChannelWriter<EngineCommand>))state!;
                sequence.RequestCancel();
                writer.TryWrite(EngineCommand.Wake);
            },
            (s, commands.Writer));
        s.Abandonment = abandoned.Token.UnsafeRegister(static state => ((Sequence)state!).Abandon(), s);
        if (commands.Writer.TryWrite(new EngineCommand.Submit(s))) return;
        s.Cancellation.Unregister();
        s.Abandonment.Unregister();
        gate.Leave();
        s.Lease.Return();
        throw new RequestRejectedException(ErrorKind.Unavailable, "the server is shutting down");
    }

    private void RunLoop()
    {
        try
        {
            loop.Run();
        }
        catch (Exception e)
        {
            broken = e;
            options.Report?.Invoke($"the engine has failed: {BtxException.OneLine(e.Message)}");
        }

        try
        {
            if (broken is { } problem) loop.Fail(problem);
            commands.Writer.TryComplete();
            while (commands.Reader.TryRead(out var command)) loop.Refuse(command, broken);
            loop.Dispose();
        }
        catch (Exception e)
        {
            broken ??= e;
        }
        finally
        {
            stopped.SetResult();
        }
    }
}

/// <summary>What gRPC, HTTP and the command line may ask of the engine. Thread-safe. Tests of the host have a fake.</summary>
public interface IForestEngine : IAsyncDisposable
{
    ForestDescription Describe();

    /// <summary>Why nobody is answered now: the engine has failed, or a step exceeds its limit. Null while it works.</summary>
    string? Problem { get; }

    /// <summary>Snapshots of the forest that are still held: 1, or more while it changes or a request runs on what left.</summary>
    int LiveSnapshots { get; }

    /// <summary>Validates and enqueues a request. Events arrive in order and end with one that has a <see cref="TokenEvent.Finish"/>; then
    /// the channel completes. A failure inside the engine completes the channel with that exception.</summary>
    /// <param name="cancellation">Ends the request and frees its slots; the last event has <see cref="FinishReason.Cancelled"/>.</param>
    /// <exception cref="RequestRejectedException">Invalid request, or no room in the queue, or shutting down.</exception>
    ChannelReader<TokenEvent> Generate(GenerationRequest request, CancellationToken cancellation);

    /// <exception cref="RequestRejectedException">As for <see cref="Generate"/>.</exception>
    Task<ScoreResult> ScoreAsync(ScoreRequest request, CancellationToken cancellation);

    /// <summary>Stops admitting, lets running requests finish until <paramref name="deadline"/> fires, then cancels the rest.</summary>
    Task DrainAsync(CancellationToken deadline);
}
