namespace Btx.Engine.Grammars;

/// <summary>The ways to read what follows a place, byte by byte: all that there are after each byte, on a stack, so that a walk over a trie
/// can come back to where it was. Scratch of one <see cref="GrammarRun"/>.</summary>
internal sealed class Readings
{
    public static readonly Comparison<Head> NearestFirst = static (a, b) => a.Least.CompareTo(b.Least);

    // After one byte, so that no grammar makes a step long. More pieces that end at one place, and ways on, are not followed.
    private const int MaxEnds = 16, MaxWays = 1024;

    private readonly int[] segments = new int[TokenTrie.MaxDepth + 2]; // by depth: where its readings begin in the pool
    private Head[] pool = new Head[4 * Frame.MaxHeads];

    /// <summary>Work done; whoever bounds it sets it to 0.</summary>
    public int Steps { get; set; }

    /// <summary>Those that are left after so many bytes.</summary>
    public ReadOnlySpan<Head> At(int depth) => pool.AsSpan(segments[depth]..segments[depth + 1]);

    public void Begin(Frame rest)
    {
        var heads = HeadsOf(rest);
        heads.CopyTo(pool, 0);
        (segments[0], segments[1]) = (0, heads.Length);
    }

    /// <summary>Takes the readings one byte below the start on to <paramref name="depth"/>. Keys that begin here cannot end: they are in
    /// the midst of a token.</summary>
    /// <returns>False: none goes on.</returns>
    public bool Step(int depth, byte value)
    {
        var (from, to) = (segments[depth - 1], segments[depth]);
        segments[depth + 1] = to;
        var (ends, ways) = (0, 0);
        for (var i = from; i < to; i++)
        {
            var head = pool[i];
            Emit(head, value, depth);
            if (!head.Terminal.Accepts(head.State) || ends == MaxEnds || ways >= MaxWays) continue;
            var followers = HeadsOf(head.Next);
            (ends, ways) = (ends + 1, ways + followers.Length);
            foreach (var follower in followers) Emit(follower, value, depth);
        }

        return segments[depth + 1] > to;
    }

    /// <summary>The least bytes to the end of the text of any of them.</summary>
    public int Nearest(int depth)
    {
        var least = OutputGrammar.Never;
        foreach (var head in At(depth)) least = Math.Min(least, head.Least);
        return least;
    }

    private Head[] HeadsOf(Frame frame)
    {
        if (!frame.IsKnown) Steps += 16 * frame.Heads.Length;
        return frame.Heads;
    }

    private void Emit(in Head head, byte value, int depth)
    {
        Steps++;
        var count = head.Count;
        var state = head.Terminal.Step(head.State, value, ref count);
        if (state == Dfa.Dead || (head.Terminal.IsKey && state == Dfa.Closed)) return;
        var moved = head with { State = state, Count = count };
        var (begin, end) = (segments[depth], segments[depth + 1]);
        for (var i = begin; i < end; i++)
            if (pool[i].Is(moved)) return;
        Steps += end - begin;
        if (end - begin == 2 * Frame.MaxHeads) // what is given up only makes for fewer answers: those kept are the nearest to an end
        {
            pool.AsSpan(begin, end - begin).Sort(NearestFirst);
            end = begin + Frame.MaxHeads;
        }

        if (end == pool.Length) Array.Resize(ref pool, 2 * pool.Length);
        pool[end] = moved;
        segments[depth + 1] = end + 1;
    }
}
