namespace Btx.Model.Tokens;

/// <summary>The byte-pair-encoding loop (Sennrich et al. 2016): merge the pair of adjacent symbols that occurs most often, count again,
/// repeat. Counts are kept up to date for the words that a merge touches, and the best pair comes from a heap whose stale entries are put
/// right when they surface, so that a merge costs what it changes and no more. Ties go to the pair of smaller ids: the result depends on
/// the counts alone, not on the order of the words.</summary>
internal sealed class MergeLearner
{
    private readonly int[] _symbols;
    private readonly int[] _starts;
    private readonly int[] _lengths;
    private readonly long[] _counts;
    private readonly Dictionary<ulong, Pair> _pairs = new(new Spread());
    private readonly PriorityQueue<ulong, (long NegatedCount, ulong Pair)> _heap = new();
    private readonly List<(ulong Key, Pair Pair)> _grown = [];
    private int _round;

    /// <param name="words">Distinct pre-tokens, of which each character stands for a byte, with their counts.</param>
    /// <param name="byteIds">The id of each byte's token.</param>
    public MergeLearner(Dictionary<string, long> words, ReadOnlySpan<int> byteIds)
    {
        _starts = new int[words.Count];
        _lengths = new int[words.Count];
        _counts = new long[words.Count];
        if (words.Keys.Sum(w => (long)w.Length) is var total && total > Array.MaxLength)
            throw new BtxException("the corpus has over 2 GB of distinct words; train the tokenizer on a sample of it");
        _symbols = new int[total];
        var at = 0;
        foreach (var (w, (word, count)) in words.Index())
        {
            (_starts[w], _lengths[w], _counts[w]) = (at, word.Length, count);
            for (var i = 0; i < word.Length; i++) _symbols[at + i] = byteIds[word[i]];
            for (var i = 0; i + 1 < word.Length; i++) Change(_symbols[at + i], _symbols[at + i + 1], count, w);
            at += word.Length;
        }

        foreach (var (key, pair) in _grown) _heap.Enqueue(key, (-pair.Count, key));
    }

    /// <summary>Finds the pair to merge next; false when none occurs twice.</summary>
    public bool TryBest(out int left, out int right)
    {
        while (_heap.TryDequeue(out var key, out var priority))
        {
            var count = _pairs.TryGetValue(key, out var pair) ? pair.Count : 0;
            if (count == -priority.NegatedCount && count >= 2)
            {
                (left, right) = ((int)(key >> 32), (int)key);
                return true;
            }

            if (count >= 2) _heap.Enqueue(key, (-count, key));
        }

        left = right = -1;
        return false;
    }

    /// <summary>Leaves the pair as it is for good.</summary>
    public void Forget(int left, int right) => _pairs.Remove(Key(left, right));

    /// <summary>Replaces every occurrence of the pair by <paramref name="merged"/>.</summary>
    public void Merge(int left, int right, int merged)
    {
        _pairs.Remove(Key(left, right), out var pair);
        _round++;
        _grown.Clear();
        foreach (var word in pair!.Words) MergeIn(word, left, right, merged);
        foreach (var (key, grown) in _grown)
            if (grown.Count >= 2) _heap.Enqueue(key, (-grown.Count, key));
    }

    private static ulong Key(int left, int right) => ((ulong)(uint)left << 32) | (uint)right;

    private void MergeIn(int word, int left, int right, int merged)
    {
        var symbols = _symbols.AsSpan(_starts[word], _lengths[word]);
        var count = _counts[word];
        var kept = 0;
        for (var i = 0; i < symbols.Length; i++)
        {
            if (symbols[i] != left || i + 1 >= symbols.Length || symbols[i + 1] != right)
            {
                symbols[kept++] = symbols[i];
                continue;
            }

            if (kept > 0)
            {
                Change(symbols[kept - 1], left, -count, word);
                Change(symbols[kept - 1], merged, count, word);
            }

            if (i + 2 < symbols.Length)
            {
                Change(right, symbols[i + 2], -count, word);
                Change(merged, symbols[i + 2], count, word);
            }

            symbols[kept++] = merged;
            i++;
        }

        _lengths[word] = kept;
    }

    private void Change(int left, int right, long by, int word)
    {
        var key = Key(left, right);
        if (!_pairs.TryGetValue(key, out var pair))
        {
            // A pair that is being merged, or was given up, is in the table no more; nothing counts it.
            if (by < 0) return;
            _pairs.Add(key, pair = new Pair());
        }

        pair.Count += by;
        if (by < 0) return;
        if (pair.Words.Count == 0 || pair.Words[^1] != word) pair.Words.Add(word);
        if (pair.Grown == _round) return;
        pair.Grown = _round;
        _grown.Add((key, pair));
    }

    // The halves of a pair would cancel in the plain hash code.
    private sealed class Spread : IEqualityComparer<ulong>
    {
        public bool Equals(ulong x, ulong y) => x == y;

        public int GetHashCode(ulong key) => (int)((key * 0x9E3779B97F4A7C15) >> 32);
    }

    private sealed class Pair
    {
        public long Count { get; set; }

        /// <summary>The words that have, or once had, the pair.</summary>
        public List<int> Words { get; } = [];

        /// <summary>The merge in which the pair last became more frequent: its entry in the heap is then too low.</summary>
        public int Grown { get; set; } = -1;
    }
}
