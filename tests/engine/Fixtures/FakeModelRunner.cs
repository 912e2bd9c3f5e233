using Btx.Engine.Sessions;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>
/// A model without arithmetic: logits are a hash of its seed and of every token before them, so a wrong slot, a wrong length or a
/// missed token shows in the output. Exact whatever the batch.
/// </summary>
internal sealed class FakeModelRunner(int seed, int vocabSize, int slots) : IModelRunner
{
    private readonly List<long>[] cache = [.. Enumerable.Range(0, slots).Select(_ => new List<long>())];
    private readonly List<(int First, int Count)> wanted = [];
    private readonly List<float[]> logits = [];

    /// <summary>Rows of every run so far.</summary>
    public List<RunRow[]> Runs { get; } = [];

    public bool Disposed { get; private set; }

    /// <summary>The token that is certain after so many tokens; null: the hash decides.</summary>
    public Func<int, int?> Certain { get; set; } = static _ => null;

    /// <summary>Makes every logit of the next runs NaN.</summary>
    public bool Damaged { get; set; }

    /// <summary>Called before each run; may throw or block.</summary>
    public Action<RunRow[], long[]> Before { get; set; } = static (_, _) => { };

    public void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        Before(rows.ToArray(), tokens.ToArray());
        Runs.Add(rows.ToArray());
        wanted.Clear();
        logits.Clear();
        var at = 0;
        foreach (var row in rows)
        {
            var slot = cache[row.Slot];
            Assert.True(row.Past <= slot.Count, $"slot {row.Slot} holds {slot.Count} tokens, the run assumes {row.Past}");
            slot.RemoveRange(row.Past, slot.Count - row.Past);
            wanted.Add((logits.Count, row.Wanted));
            for (var i = 0; i < row.Count; i++)
            {
                slot.Add(tokens[at++]);
                if (i >= row.Count - row.Wanted) logits.Add(Hash(slot));
            }
        }

        Assert.Equal(tokens.Length, at);
    }

    public ReadOnlySpan<float> Logits(int row, int position)
    {
        Assert.InRange(position, 0, wanted[row].Count - 1);
        return logits[wanted[row].First + position];
    }

    public void Dispose() => Disposed = true;

    private float[] Hash(List<long> prefix)
    {
        var h = unchecked((uint)seed * 2654435761u);
        foreach (var t in prefix) h = unchecked((h ^ (uint)t) * 16777619u);
        var row = new float[vocabSize];
        for (var v = 0; v < vocabSize; v++)
        {
            h ^= h << 13;
            h ^= h >> 17;
            h ^= h << 5;
            row[v] = Damaged ? float.NaN : (h & 0xffff) / 8192f;
        }

        if (Certain(prefix.Count) is { } token) row[token] = 100;

        return row;
    }
}
