namespace Btx.Engine.Forests;

/// <summary>Slow work beside a running engine, one piece after the other. To hand work in costs the caller
/// nothing: the thread is there already.</summary>
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

    /// <summary>What was handed in is done still.</summary>
    public void Dispose()
    {
        lock (jobs)
        {
            stopping = true;
            Monitor.Pulse(jobs);
        }
    }

    /// <summary>Waits for the end, after <see cref="Dispose"/>: a process that ends while a session is
    /// made or freed ends by a fault of memory.</summary>
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
