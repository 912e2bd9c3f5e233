using Btx.Engine.Scheduling;

namespace Btx.Engine.Tests.Scheduling;

public sealed class SlotPoolTests
{
    [Fact]
    public void Hands_out_the_lowest_free_slot()
    {
        var pool = new SlotPool(3);
        Assert.Equal([0, 1, 2], [pool.Take(), pool.Take(), pool.Take()]);
        Assert.Throws<InvalidOperationException>(() => pool.Take());
        pool.Return(1);
        Assert.Equal(1, pool.Free);
        Assert.False(pool.IsUsed(1));
        Assert.Equal(1, pool.Take());
    }

    [Fact]
    public void A_slot_is_returned_once()
    {
        var pool = new SlotPool(2);
        pool.Return(pool.Take());
        Assert.Throws<InvalidOperationException>(() => pool.Return(0));
    }
}
