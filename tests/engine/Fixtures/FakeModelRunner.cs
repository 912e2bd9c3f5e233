using Btx.Engine.Sessions;
using Btx.Model.Mixing;

namespace Btx.Engine.Tests.Fixtures;

/// <summary>A model without arithmetic: logits are a hash of its seed and of every token before them, so a wrong slot, a wrong length or a
/// missed token shows in the output. Exact whatever the batch. As a mixture it also hashes the k of every token, and its gates are 1/k for
/// k experts that follow from the same hash.</summary>
/// <param name="layers">L of a mixture; 0: dense.</param>
/// <param name="experts">N of a mixture.</param>
internal sealed class FakeModelRunner(int seed, int vocabSize, int slots, int layers = 0, int experts = 0) : IModelRunner
{
    private readonly List<float[]> gates = []; // by row
    private readonly List<long>[] cache = [.. Enumerable.Range(0, slots).Select(_ => new List<long>())];
    private readonly List<(int First, int Count)> wanted = [];
    private readonly List<float[]> logits = [];
    private readonly List<float[]> likelihoods = []; // by row

    /// <summary>Rows of every run so far.</summary>
    public List<RunRow[]> Runs { get; } = [];

    /// <summary>Keeps <see cref="Runs"/>.</summary>
    public bool Records { get; init; } = true;

    /// <summary>There are faster sessions to stage.</summary>
    public bool Quick { get; init; }

    /// <summary>Staged sessions that were put in place, and those that were freed.</summary>
    public (int Installed, int Freed) Staged { get; private set; }

    public ModelMemory Memory { get; } = new(1000, 100, 10);

    public int Sessions => 1;

    public int Seed => seed;

    public bool Disposed { get; private set; }

    /// <summary>The token that is certain after so many tokens; null: the hash decides.</summary>
    public Func<int, int?> Certain { get; set; } = static _ => null;

    /// <summary>Makes every logit of the next runs NaN.</summary>
    public bool Damaged { get; set; }

    /// <summary>Called before each run; may throw or block.</summary>
    public Action<RunRow[], long[]> Before { get; set; } = static (_, _) => { };

    public void Run(ReadOnlySpan<RunRow> rows, ReadOnlySpan<long> tokens)
    {
        Assert.False(Disposed, $"a run of the model with seed {seed}, which is freed");
        Before(rows.ToArray(), tokens.ToArray());
        if (Records) Runs.Add(rows.ToArray());
        wanted.Clear();
        logits.Clear();
        gates.Clear();
        likelihoods.Clear();
        var at = 0;
        foreach (var row in rows)
        {
            var slot = cache[row.Slot];
            Assert.True(row.Past <= slot.Count, $"slot {row.Slot} holds {slot.Count} tokens, the run assumes {row.Past}");
            slot.RemoveRange(row.Past, slot.Count - row.Past);
            wanted.Add((logits.Count, row.Wanted));
            var routed = new List<float>();
            var scored = new List<float>();
            if (layers > 0) Assert.InRange(row.ExpertsPerToken, 1, experts);
            for (var i = 0; i < row.Count; i++)
            {
                var following = i + 1 < row.Count ? tokens[at + 1] : row.Next;
                slot.Add(layers == 0 ? tokens[at++] : (tokens[at++] * 1000) + row.ExpertsPerToken);
                routed.AddRange(Route(slot, row.ExpertsPerToken));
                if (i >= row.Count - row.Wanted) logits.Add(Hash(slot));
                else if (i >= row.Count - row.Wanted - row.Scored)
                    scored.Add((float)LogitRow.LogProbability(Hash(slot), (int)following));
            }

            gates.Add([.. routed]);
            likelihoods.Add([.. scored]);
        }

        Assert.Equal(tokens.Length, at);
    }

    public ReadOnlySpan<float> Logits(int row, int position)
    {
        Assert.InRange(position, 0, wanted[row].Count - 1);
        return logits[wanted[row].First + position];
    }

    public ReadOnlySpan<float> LogLikelihoods(int row) => likelihoods[row];

    public ReadOnlySpan<float> Gates(int row) => gates[row];

    public IStagedSessions? Stage() => Quick ? new FakeSessions(this) : null;

    public void Dispose()
    {
        Assert.False(Disposed);
        Disposed = true;
    }

    private IEnumerable<float> Route(List<long> prefix, int k)
    {
        var h = HashOf(prefix);
        for (var layer = 0; layer < layers; layer++)
            for (var e = 0; e < experts; e++) yield return (h + layer + e) % experts < k ? 1f / k : 0;
    }

    private uint HashOf(List<long> prefix)
    {
        var h = unchecked((uint)seed * 2654435761u);
        foreach (var t in prefix) h = unchecked((h ^ (uint)t) * 16777619u);
        return h;
    }

    private float[] Hash(List<long> prefix)
    {
        var h = HashOf(prefix);
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

    private sealed class FakeSessions(FakeModelRunner runner) : IStagedSessions
    {
        public void Install() => runner.Staged = (runner.Staged.Installed + 1, runner.Staged.Freed);

        public void Dispose() => runner.Staged = (runner.Staged.Installed, runner.Staged.Freed + 1);
    }
}
