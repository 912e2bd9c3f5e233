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
    public static T Run<T>(Func<T> work, bool lowPriority = true)
    {
        T result = default!;
        ExceptionDispatchInfo? problem = null;
        var thread = new Thread(() =>
        {
            try
            {
                if (lowPriority && OperatingSystem.IsLinux()) _ = Nice(Nicer); // where it is refused, the work is as urgent as any
                result = work();
            }
            catch (Exception e)
            {
                problem = ExceptionDispatchInfo.Capture(e);
            }
        })
        { IsBackground = true, Name = "btx-build" };
        thread.Start();
        thread.Join();
        problem?.Throw();
        return result;
    }

    public static void Run(Action work, bool lowPriority = true) => Run(
        () =>
        {
            work();
            return 0;
        },
        lowPriority);

    /// <summary>Does not hold a thread of the pool meanwhile: those write what is served.</summary>
    /// <inheritdoc cref="Run{T}"/>
    public static Task<T> RunAsync<T>(Func<T> work, bool lowPriority = true)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var thread = new Thread(() =>
        {
            try
            {
                done.SetResult(Run(work, lowPriority));
            }
            catch (OperationCanceledException e)
            {
                done.SetCanceled(e.CancellationToken);
            }
            catch (Exception e)
            {
                done.SetException(e);
            }
        })
        { IsBackground = true, Name = "btx-build-wait" };
        thread.Start();
        return done.Task;
    }

    // Of the calling thread alone, on Linux.
    [LibraryImport("libc", EntryPoint = "nice")]
    private static partial int Nice(int increment);
}

/// <summary>Slow work beside a running engine, one piece after the other. To hand work in costs the caller nothing: the thread is there
/// already.</summary>
internal sealed class BuildQueue : IDisposable
{
    private readonly bool lowPriority;
    private readonly Thread thread;
    private readonly Queue<(Action Work, Action<Exception?> Done)> jobs = []; // the first one runs
    private bool stopping;
    private int count;

    /// <param name="lowPriority">As of <see cref="BuildThread.Run{T}"/>.</param>
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
        lock (jobs)
        {
            jobs.Enqueue((work, done));
            Interlocked.Increment(ref count);
            Monitor.Pulse(jobs);
        }
    }

    public void Dispose()
    {
        lock (jobs)
        {
            stopping = true;
            Monitor.Pulse(jobs);
        }
    }

    /// <summary>Waits for the end, after <see cref="Dispose"/>: a process that ends while a session is made or freed ends by a fault of
    /// memory.</summary>
    public void Join() => thread.Join();

    /// <summary>Waits until what was handed in before is done.</summary>
    public void Flush()
    {
        var done = new TaskCompletionSource();
        Start(static () => { }, _ => done.SetResult());
        done.Task.Wait();
    }

    private void Serve()
    {
        while (true)
        {
            (Action Work, Action<Exception?> Done) job;
            lock (jobs)
            {
                while (jobs.Count == 0)
                {
                    if (stopping) return;
                    Monitor.Wait(jobs);
                }

                job = jobs.Dequeue();
            }

            Exception? problem = null;
            try
            {
                BuildThread.Run(job.Work, lowPriority);
            }
            catch (Exception e)
            {
                problem = e;
            }

            job.Done(problem);
            Interlocked.Decrement(ref count);
        }
    }
}
