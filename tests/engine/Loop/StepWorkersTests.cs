using Btx.Engine.Loop;

namespace Btx.Engine.Tests.Loop;

public sealed class StepWorkersTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Every_item_runs_once_and_is_done_on_return(int threads)
    {
        using var workers = new StepWorkers(threads);
        var done = new int[7];
        Action<int, int> item = (i, worker) =>
        {
            Assert.InRange(worker, 0, threads - 1);
            done[i]++;
        };
        for (var round = 1; round <= 3000; round++)
        {
            var items = round % 8;
            Array.Clear(done);
            workers.Run(items, item);
            for (var i = 0; i < 7; i++) Assert.Equal(i < items ? 1 : 0, done[i]);
        }
    }

    [Fact]
    public void A_worker_has_its_scratch_to_itself()
    {
        using var workers = new StepWorkers(4);
        var busy = new int[4];
        var clashes = 0;
        for (var round = 0; round < 500; round++)
        {
            workers.Run(6, (_, worker) =>
            {
                if (Interlocked.Increment(ref busy[worker]) != 1) Interlocked.Increment(ref clashes);
                Thread.SpinWait(20);
                Interlocked.Decrement(ref busy[worker]);
            });
        }

        Assert.Equal(0, clashes);
    }
}
