namespace Btx.Engine.Loop;

/// <summary>
/// Fork and join inside a step: the loop's thread and a few helpers take items until none is left; the loop goes on when all are
/// done. So whatever the items touch stays owned by the loop. Allocates nothing per call.
/// </summary>
internal sealed class StepWorkers : IDisposable
{
    private readonly Thread[] helpers;
    private readonly SemaphoreSlim start = new(0);
    private readonly SemaphoreSlim finished = new(0);
    private Action<int, int> body = static (_, _) => { };
    private int next;
    private int count;
    private volatile bool stopping;

    /// <param name="threads">Threads in all, the caller's included; at least 1.</param>
    public StepWorkers(int threads)
    {
        Threads = threads;
        helpers = new Thread[threads - 1];
        for (var i = 0; i < helpers.Length; i++)
        {
            var worker = i + 1;
            helpers[i] = new Thread(() => Help(worker)) { IsBackground = true, Name = $"btx-worker-{worker}" };
            helpers[i].Start();
        }
    }

    public int Threads { get; }

    /// <summary>Runs <paramref name="item"/>(index, worker) for every index below <paramref name="items"/>; it must not throw. Worker is 0 … Threads − 1.</summary>
    public void Run(int items, Action<int, int> item)
    {
        if (items == 0) return;
        var help = Math.Min(helpers.Length, items - 1);
        body = item;
        count = items;
        next = 0;
        if (help > 0) start.Release(help);
        Take(0);
        for (var i = 0; i < help; i++) finished.Wait();
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
            Take(worker);
            finished.Release();
        }
    }

    private void Take(int worker)
    {
        for (var i = Interlocked.Increment(ref next) - 1; i < count; i = Interlocked.Increment(ref next) - 1) body(i, worker);
    }
}
