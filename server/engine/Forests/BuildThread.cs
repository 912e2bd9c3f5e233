using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Btx.Engine.Forests;

/// <summary>Slow work beside the running engine, on a thread of its own of low priority: what is served goes first. Such work must start no
/// threads, which inherit the priority for good, and complete no tasks, for which the runtime may start one.</summary>
internal static partial class BuildThread
{
    // A tenth of a processor that a thread of the engine keeps busy: little for those who are served,
    // enough that a change ends on a crowded machine.
    private const int Nicer = 10;

    /// <summary>Waits for the work; throws what it threw.</summary>
    /// <param name="lowPriority">False for work that starts threads: sessions of more than one.</param>
    public static void Run(Action work, bool lowPriority = true)
    {
        ExceptionDispatchInfo? error = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (lowPriority && OperatingSystem.IsLinux()) _ = Nice(Nicer); // where it is refused, the work is as urgent as any
                work();
            }
            catch (Exception e)
            {
                error = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "btx-build" };
        thread.Start();
        thread.Join();
        error?.Throw();
    }

    /// <inheritdoc cref="Run"/>
    public static T Run<T>(Func<T> work, bool lowPriority = true)
    {
        T result = default!;
        Run(() => { result = work(); }, lowPriority);
        return result;
    }

    /// <summary>Does not hold a thread of the pool meanwhile: those write what is served.</summary>
    /// <inheritdoc cref="Run{T}"/>
    public static Task<T> RunAsync<T>(Func<T> work, bool lowPriority = true) =>
        Task.Factory.StartNew(() => Run(work, lowPriority), CancellationToken.None,
            TaskCreationOptions.LongRunning | TaskCreationOptions.RunContinuationsAsynchronously, TaskScheduler.Default);

    /// <summary>Calls <paramref name="body"/> for every index below <paramref name="count"/>; throws the first failure.</summary>
    public static void ForEach(int count, int threads, Action<int> body)
    {
        try
        {
            if (threads > 1) Parallel.For(0, count, new ParallelOptions { MaxDegreeOfParallelism = threads }, body);
            else for (var i = 0; i < count; i++) body(i);
        }
        catch (AggregateException e) when (e.InnerException is { } first)
        {
            ExceptionDispatchInfo.Throw(first);
        }
    }

    // Of the calling thread alone, on Linux.
    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int increment);
}

/// <summary>Slow work beside a running engine, one piece after the other. Handing it in costs the caller little.</summary>
internal sealed class BuildQueue : IDisposable
{
    private readonly bool lowPriority;
    private readonly Thread thread;
    private readonly BlockingCollection<(Action Work, Action<Exception?> Done)> jobs = [];
    private int count;

    /// <param name="lowPriority">As of <see cref="BuildThread.Run(Action, bool)"/>.</param>
    public BuildQueue(string name, bool lowPriority)
    {
        this.lowPriority = lowPriority;
        thread = new Thread(Serve) { IsBackground = true, Name = name };
        thread.Start();
    }

    /// <summary>Frees models that nobody uses any more.</summary>
    public static BuildQueue Releases { get; } = new("btx-releases", lowPriority: true);

    /// <summary>Pieces that wait or run. Any thread may read it.</summary>
    public int Count => Volatile.Read(ref count);

    /// <param name="work">On a <see cref="BuildThread"/>.</param>
    /// <param name="done">Then, at normal priority, with what the work threw; must not throw.</param>
    public void Start(Action work, Action<Exception?> done)
    {
        Interlocked.Increment(ref count);
        jobs.Add((work, done));
    }

    /// <summary>Waits for what was handed in: a process that ends while a session is made or freed crashes.</summary>
    public void Dispose()
    {
        jobs.CompleteAdding();
        thread.Join();
        jobs.Dispose();
    }

    /// <summary>Waits until what was handed in before is done.</summary>
    public void Flush()
    {
        var done = new TaskCompletionSource();
        Start(static () => { }, _ => done.SetResult());
        done.Task.Wait();
    }

    private void Serve()
    {
        foreach (var (work, done) in jobs.GetConsumingEnumerable())
        {
            Exception? error = null;
            try
            {
                BuildThread.Run(work, lowPriority);
            }
            catch (Exception e)
            {
                error = e;
            }

            done(error);
            Interlocked.Decrement(ref count);
        }
    }
}
