namespace Btx.Engine.Sessions;

/// <summary>Which graph a run's rows go through: pure functions of the rows.</summary>
internal static class BatchShape
{
    /// <summary>True if the batched decode graph serves the rows: one new token each, in slots close enough together that the free slots
    /// between them, which it runs too and whose result nobody reads, cost less than a ragged run would.</summary>
    /// <param name="filled">Per slot, the tokens it holds: where an unread row would write.</param>
    public static bool IsDecode(ReadOnlySpan<RunRow> rows, ReadOnlySpan<int> filled, int context, out int firstSlot, out int span)
    {
        firstSlot = int.MaxValue;
        var last = -1;
        var single = true;
        foreach (var row in rows)
        {
            single &= row.Count == 1;
            firstSlot = Math.Min(firstSlot, row.Slot);
            last = Math.Max(last, row.Slot);
        }

        span = last - firstSlot + 1;
        if (!single || span > rows.Length + (rows.Length / 2)) return false;
        for (var slot = firstSlot; slot <= last; slot++)
            if (filled[slot] >= context && !Contains(rows, slot)) return false;
        return true;
    }

    /// <summary>The smallest ragged graph that holds the rows, or the largest there is.</summary>
    /// <param name="buckets">Row counts of the graphs, ascending.</param>
    public static int Bucket(int rows, ReadOnlySpan<int> buckets)
    {
        for (var i = 0; i < buckets.Length; i++)
            if (buckets[i] >= rows) return i;
        return buckets.Length - 1;
    }

    private static bool Contains(ReadOnlySpan<RunRow> rows, int slot)
    {
        foreach (var row in rows)
            if (row.Slot == slot) return true;
        return false;
    }
}
