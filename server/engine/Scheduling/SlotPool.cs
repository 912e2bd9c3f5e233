namespace Btx.Engine.Scheduling;

/// <summary>The KV slots of one model. Hands out the lowest free slot, so that running sequences stay close together.</summary>
internal sealed class SlotPool(int count)
{
    private readonly bool[] used = new bool[count];

    public int Count => used.Length;

    public int Free { get; private set; } = count;

    public bool IsUsed(int slot) => used[slot];

    /// <exception cref="InvalidOperationException">No slot is free; ask <see cref="Free"/> first.</exception>
    public int Take()
    {
        var slot = Array.IndexOf(used, false);
        if (slot < 0) throw new InvalidOperationException("no free KV slot");
        used[slot] = true;
        Free--;
        return slot;
    }

    /// <exception cref="InvalidOperationException">The slot is not in use.</exception>
    public void Return(int slot)
    {
        if (!used[slot]) throw new InvalidOperationException($"KV slot {slot} is not in use");
        used[slot] = false;
        Free++;
    }
}
