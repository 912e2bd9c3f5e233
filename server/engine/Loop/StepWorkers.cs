namespace Btx.Engine.Loop;

/// <summary>Fork and join inside a step: the loop's thread and a few helpers take items; the loop goes on when all items are done, whether
/// or not every helper woke in time. So whatever the items touch stays owned by the loop. Allocates nothing per call.</summary>
internal sealed class StepWorkers : IDisposable
{
    private readonly Thread[] helpers;
    private readonly SemaphoreSlim start = new(0);
    private readonly SemaphoreSlim finished = new(0);
    private readonly Lock claim = new();
    private Action<int, int> body = static (_, _) => { };
    private int next, count; // under claim
    private int pending;
    private volatile bool stopping;

    /// <param name="threads">Threads in all, the caller's included; at least 1.</param>
    public StepWorkers(int threads)
    {
        helpers = new Thread[threads - 1];
        for (var i = 0; i < helpers.Length; i++)
        {
            var worker = i + 1;
            helpers[i] = new Thread(() => Help(worker)) { IsBackground = true, Name = $"btx-worker-{worker}" };
            helpers[i].Start();
        }
    }

    /// <summary>Runs <paramref name="item"/>(index, worker), which must not throw, for every index; worker is 0 … threads − 1.</summary>
    public void Run(int items, Action<int, int> item)
    {
        if (items == 0) return;
        lock (claim)
        {
            body = item;
            count = items;
            next = 0;
            pending = items;
        }

        var help = Math.Min(helpers.Length, items - 1) - start.CurrentCount; // a helper that is late has its permit still
        if (help > 0) start.Release(help);
        Take(0);
        while (Volatile.Read(ref pending) > 0) finished.Wait();
    }

    public void Dispose()
    {
        stopping = true;
        if (helpers.Length > 0) start.Release(helpers.Length);
        foreach (var helper in helpers) helper.Join();
        start.Dispose();
        finished.Dispose();
    }

    private void Help(int worker)
    {
        while (true)
        {
            start.Wait();
            if (stopping) return;
            if (Take(worker) && finished.CurrentCount == 0) finished.Release();
        }
    }

    /// <returns>True if this thread did the last item.</returns>
    private bool Take(int worker)
    {
        var last = false;
        while (true)
        {
            int index;
            Action<int, int> item;
            lock (claim)
            {
                if (next >= count) return last;
                index = next++;
                item = body;
            }

            item(index, worker);
            last = Interlocked.Decrement(ref pending) == 0;
        }
    }
}
