using System.Collections.Concurrent;
using System.Runtime.CompilerServices;

namespace Btx.Engine.Grammars;

/// <summary>The texts of a vocabulary as a trie over bytes, in the order in which a walk meets its nodes, and what automata make of them.
/// Control tokens have no text. One for a tokenizer; any thread.</summary>
internal sealed class TokenTrie
{
    /// <summary>Bytes of a token at most; a longer one is never drawn.</summary>
    public const int MaxDepth = 255;

    private const long MaxMaskBytes = 64L << 20;

    private readonly TextTokenizer tokenizer;
    private readonly byte[] labels, depths;
    private readonly int[] ends, first, tokens; // first: of a node's tokens
    // By automaton, which is not kept alive; then by state and room.
    private readonly ConditionalWeakTable<Dfa, ConcurrentDictionary<(int, int), TerminalMask>> masks = new();
    private long maskBytes;

    public TokenTrie(TextTokenizer tokenizer, int vocabSize)
    {
        (this.tokenizer, VocabSize) = (tokenizer, vocabSize);
        var ids = Enumerable.Range(0, Math.Min(vocabSize, tokenizer.VocabSize))
            .Where(id => !tokenizer.IsSpecial(id) && tokenizer.TokenBytes(id).Length is > 0 and <= MaxDepth).ToArray();
        Array.Sort(ids, (a, b) => Bytes(a).SequenceCompareTo(Bytes(b)) is var order and not 0 ? order : a.CompareTo(b));
        List<byte> labels = [0], depths = [0];
        List<int> ends = [0], first = [0], tokens = [];
        var path = new Stack<int>([0]);
        foreach (var id in ids)
        {
            var bytes = Bytes(id);
            while (path.Count - 1 > bytes.Length || !IsPath(path, labels, depths, bytes)) ends[path.Pop()] = labels.Count;
            for (var i = path.Count - 1; i < bytes.Length; i++)
            {
                path.Push(labels.Count);
                labels.Add(bytes[i]);
                depths.Add((byte)(i + 1));
                ends.Add(0);
                first.Add(tokens.Count);
            }

            tokens.Add(id);
        }

        while (path.TryPop(out var node)) ends[node] = labels.Count;
        first.Add(tokens.Count);
        (this.labels, this.depths, this.ends, this.first, this.tokens) = ([.. labels], [.. depths], [.. ends], [.. first], [.. tokens]);
        var single = Enumerable.Range(0, 256).Select(b => Child(0, (byte)b) is > 0 and var node && !TokensAt(node).IsEmpty).ToArray();
        if (Array.IndexOf(single, false) is >= 0 and var missing)
            Problem = $"the tokenizer has no token for the single byte 0x{missing:X2}, so not every answer could be brought to its end";
    }

    /// <summary>Why no answer can be held to a grammar; null: it can.</summary>
    public string? Problem { get; }

    public int VocabSize { get; }

    /// <summary>Of nodes; node 0 is the root. The nodes below one follow it, up to <see cref="End"/>.</summary>
    public int Count => labels.Length;

    public byte Label(int node) => labels[node];

    public int Depth(int node) => depths[node];

    public int End(int node) => ends[node];

    /// <summary>It is the text of one byte.</summary>
    public bool IsByte(int token) => !tokenizer.IsSpecial(token) && Bytes(token).Length == 1;

    public ReadOnlySpan<byte> Bytes(int token) => tokenizer.TokenBytes(token).Span;

    public ReadOnlySpan<int> TokensAt(int node) => tokens.AsSpan(first[node]..first[node + 1]);

    /// <summary>0: there is none.</summary>
    public int Child(int node, byte label)
    {
        for (var child = node + 1; child < ends[node]; child = ends[child])
            if (labels[child] == label) return child;
        return 0;
    }

    /// <summary>What an automaton lets through from one of its states, a string's least length aside. Kept for the next call.</summary>
    /// <param name="room">Characters that a string may have still.</param>
    public TerminalMask Mask(Dfa dfa, int state, int room = int.MaxValue)
    {
        if (room < int.MaxValue && Mask(dfa, state) is var free && free.MostCount < room) return free;
        var ofDfa = masks.GetOrCreateValue(dfa);
        if (ofDfa.TryGetValue((state, room), out var known)) return known;
        var mask = Walk(dfa, state, room);
        if (Interlocked.Add(ref maskBytes, mask.Size) > MaxMaskBytes)
        {
            masks.Clear();
            Interlocked.Exchange(ref maskBytes, mask.Size);
        }

        masks.GetOrCreateValue(dfa).TryAdd((state, room), mask);
        return mask;
    }

    private TerminalMask Walk(Dfa dfa, int from, int room)
    {
        var states = new int[MaxDepth + 1];
        var counts = new int[MaxDepth + 1];
        var (inside, exits, most) = (new List<int>(), new List<(int, int)>(), 0);
        states[0] = from;
        for (var node = 1; node < Count;)
        {
            var depth = depths[node];
            var before = states[depth - 1];
            var state = dfa.Next(before, labels[node]);
            if (state == Dfa.Dead || (before == Dfa.Body && state != Dfa.Closed && counts[depth - 1] >= room))
            {
                node = ends[node];
                continue;
            }

            states[depth] = state;
            counts[depth] = counts[depth - 1] + (dfa.Counts && state == Dfa.Body && before != Dfa.Quote ? 1 : 0);
            most = Math.Max(most, counts[depth]);
            if (dfa.Accepts(state)) exits.Add((node, counts[depth]));
            else inside.AddRange(TokensAt(node));
            node++;
        }

        return TerminalMask.Of(inside, exits, most, VocabSize);
    }

    // Whether the nodes on the stack, the root at its bottom, read as the text begins.
    private static bool IsPath(Stack<int> path, List<byte> labels, List<byte> depths, ReadOnlySpan<byte> bytes)
    {
        foreach (var node in path)
            if (node != 0 && labels[node] != bytes[depths[node] - 1]) return false;
        return true;
    }
}

/// <summary>The tokens that an automaton reads to their end without coming to its own, and the nodes of the trie where it comes to
/// it.</summary>
/// <param name="Words">[V/64] one bit a token, or null where there are few.</param>
/// <param name="Tokens">In place of the words.</param>
/// <param name="Exits">With the characters of a counted string that the way there has.</param>
/// <param name="MostCount">The most characters of any token.</param>
internal sealed record TerminalMask(ulong[]? Words, int[] Tokens, (int Node, int Count)[] Exits, int MostCount)
{
    public int Size => 128 + (8 * (Words?.Length ?? 0)) + (4 * Tokens.Length) + (8 * Exits.Length);

    public static TerminalMask Of(List<int> tokens, List<(int, int)> exits, int mostCount, int vocabSize)
    {
        if (tokens.Count < vocabSize / 64) return new(null, [.. tokens], [.. exits], mostCount);
        var words = new ulong[(vocabSize + 63) / 64];
        foreach (var token in tokens) words[token >> 6] |= 1UL << token;
        return new(words, [], [.. exits], mostCount);
    }
}
