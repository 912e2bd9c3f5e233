namespace Btx.Model.Tokens;

/// <summary>
/// Byte-pair merging of pre-tokens too long for the tokenizer package, whose time grows with the
/// square of a piece's length (a megabyte without
/// a space is one piece). A linked list of symbols and a queue of candidate pairs, n log n; the ids are those that the package gives.
/// </summary>
internal sealed class LongPieceMerger
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _rules;
    private readonly int[] _byteIds;

    public LongPieceMerger(IReadOnlyList<(int Left, int Right, int Merged)> merges, int[] byteIds)
    {
        _byteIds = byteIds;
        _rules = new Dictionary<(int, int), (int, int)>(merges.Count);
        for (var rank = 0; rank < merges.Count; rank++) _rules.Add((merges[rank].Left, merges[rank].Right), (rank, merges[rank].Merged));
    }

    public int[] Encode(ReadOnlySpan<byte> piece)
    {
        const int Removed = -1;
        const int None = -1;
        var symbols = new int[piece.Length];
        var previous = new int[piece.Length];
        var next = new int[piece.Length];
        var queue = new PriorityQueue<(int Position, int Merged), long>();
        for (var i = 0; i < piece.Length; i++) (symbols[i], previous[i], next[i]) = (_byteIds[piece[i]], i - 1, i + 1);
        next[^1] = None;
        for (var i = 0; i + 1 < symbols.Length; i++) Offer(i, i + 1);
        var count = symbols.Length;
        while (queue.TryDequeue(out var candidate, out _))
        {
            var left = candidate.Position;
            if (symbols[left] == Removed || next[left] == None) continue;
            var right = next[left];
            // A candidate is stale once either of its symbols has been merged with another.
            if (!_rules.TryGetValue((symbols[left], symbols[right]), out var rule) || rule.Merged != candidate.Merged) continue;
            symbols[left] = rule.Merged;
            symbols[right] = Removed;
            next[left] = next[right];
            count--;
            if (next[left] != None)
            {
                previous[next[left]] = left;
                Offer(left, next[left]);
            }

            if (previous[left] != None) Offer(previous[left], left);
        }

        var ids = new int[count];
        for (int i = 0, at = 0; at != None; at = next[at]) ids[i++] = symbols[at];
        return ids;

        void Offer(int left, int right)
        {
            if (_rules.TryGetValue((symbols[left], symbols[right]), out var rule))
                queue.Enqueue((left, rule.Merged), ((long)rule.Rank << 32) | (uint)left);
        }
    }
}
