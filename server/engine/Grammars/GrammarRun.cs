namespace Btx.Engine.Grammars;

/// <summary>An answer under way that is held to a grammar: which tokens may come next, and what the text is after each. Never a dead end:
/// a token is let through only if an end can still be reached in the tokens that are left after it, one token a byte if need be. One
/// thread at a time; scratch is allocated once.</summary>
internal sealed class GrammarRun
{
    // Steps of readings that one mask, or taking in a token, may cost. Beyond it, longer tokens and readings farther from an end are not
    // offered: tokens of one byte on the nearest reading always are, so that there is a way on.
    private const int MaxSteps = 300_000;

    private readonly TokenTrie trie;
    private readonly ulong[] words;
    private readonly int[] states = new int[TokenTrie.MaxDepth + 1], counts = new int[TokenTrie.MaxDepth + 1];
    private readonly Readings readings = new();
    private readonly char[] path = new char[TokenTrie.MaxDepth + 1];
    private readonly List<int> blocked = [];
    private List<Head> heads, next = [];

    /// <param name="left">Tokens that the answer may have: at least the grammar's least bytes.</param>
    public GrammarRun(OutputGrammar grammar, TokenTrie trie, int left)
    {
        this.trie = trie;
        words = new ulong[(trie.VocabSize + 63) / 64];
        heads = [.. new Frame(grammar, grammar.Start, null, OutputGrammar.MaxDepth).Heads.Where(h => h.Least <= left)];
    }

    /// <summary>The text so far is a whole answer.</summary>
    public bool IsComplete => heads.Exists(static h => h.Least == 0);

    /// <summary>What <see cref="Mask"/> gave last.</summary>
    public ulong[] Allowed => words;

    /// <summary>The tokens that may come next, [V/64] one bit each. Valid until the next call.</summary>
    /// <param name="left">Tokens that are left, this one included.</param>
    public ulong[] Mask(int left)
    {
        Array.Clear(words);
        readings.Steps = 0;
        foreach (var head in heads)
        {
            Allow(head, left - 1);
            if (readings.Steps > MaxSteps) break;
        }

        return words;
    }

    /// <summary>The text goes on with a token that <see cref="Mask"/> let through.</summary>
    /// <param name="left">Tokens that are left after it.</param>
    public void Advance(int token, int left)
    {
        next.Clear();
        readings.Steps = 0;
        foreach (var head in heads)
        {
            Read(head, trie.Bytes(token), left);
            if (readings.Steps > MaxSteps && next.Count > 0) break; // each that is kept can come to an end
        }

        if (next.Count == 0) throw new InvalidOperationException($"token {token} does not follow under the request's grammar");
        Cut();
        (heads, next) = (next, heads);
    }

    /// <summary>Whether a token that is no end of sequence may follow.</summary>
    public bool CanGoOn(int left)
    {
        foreach (var word in Mask(left))
            if (word != 0) return true;
        return false;
    }

    private void Allow(in Head head, int left)
    {
        var terminal = head.Terminal;
        if (terminal.Accepts(head.State)) Begin(head.Next, left);
        if (left - head.Next.Least < terminal.Most(head.Count))
        {
            AllowOneByOne(head, left);
            return;
        }

        var mask = trie.Mask(terminal.Dfa, head.State, terminal.Max == int.MaxValue ? int.MaxValue : terminal.Max - head.Count);
        if (mask.Words is { } inside)
            for (var w = 0; w < words.Length; w++) words[w] |= inside[w];
        foreach (var token in mask.Tokens) Set(token);
        if (terminal.IsKey && head.Key is null) return; // no key begins and ends in one token: what it says is not known yet
        FindBlocked(head);
        var rest = terminal.IsKey ? head.Next.WithAnyKey : head.Next;
        foreach (var (node, count) in mask.Exits)
            if (!terminal.Dfa.Counts || (head.Count + count >= terminal.Min && !blocked.Contains(node))) Exit(rest, node, left);
    }

    /// <summary>Lets tokens through that begin where a piece has ended: what is known of the pieces that may come next.</summary>
    private void Begin(Frame rest, int left)
    {
        foreach (var head in rest.Heads)
        {
            // One of no text, which others follow in their turn, or so near the end that each token must be looked at: one walk for all.
            if (!head.Terminal.Accepts(head.State) && left - head.Next.Least >= head.Terminal.Most(head.Count)) continue;
            Follow(rest, 0, left);
            return;
        }

        foreach (var head in rest.Heads) Allow(head, left);
    }

    // Where a key would be one that the object has.
    private void FindBlocked(in Head head)
    {
        blocked.Clear();
        if (!head.Terminal.IsKey) return;
        foreach (var key in head.Terminal.Taken(head.Key!, head.Next.Keys))
        {
            var node = 0;
            for (var i = head.Key!.Length; i < key.Length && (i == head.Key.Length || node > 0); i++) node = trie.Child(node, (byte)key[i]);
            if (node > 0 || key.Length == head.Key.Length) blocked.Add(trie.Child(node, (byte)'"'));
        }
    }

    // As Allow, where the end of the tokens is so near that each must be looked at.
    private void AllowOneByOne(in Head head, int left)
    {
        var terminal = head.Terminal;
        (states[0], counts[0]) = (head.State, head.Count);
        for (var node = 1; node < trie.Count;)
        {
            var depth = trie.Depth(node);
            var count = counts[depth - 1];
            var state = terminal.Step(states[depth - 1], trie.Label(node), ref count);
            path[depth - 1] = (char)trie.Label(node);
            if (state == Dfa.Dead || (terminal.IsKey && state == Dfa.Closed && !IsNewKey(head, depth - 1)))
            {
                node = trie.End(node);
                continue;
            }

            (states[depth], counts[depth]) = (state, count);
            if (terminal.Accepts(state)) Exit(terminal.IsKey ? head.Next.WithAnyKey : head.Next, node, left);
            else if (!trie.TokensAt(node).IsEmpty)
            {
                var key = head.Key is null ? null : head.Key + new string(path, 0, depth);
                if ((head with { State = state, Count = count, Key = key }).Least <= left) SetAll(node);
            }

            node++;
        }
    }

    private bool IsNewKey(in Head head, int length) =>
        head.Key is not null && head.Terminal.IsNew(head.Key + new string(path, 0, length), head.Next.Keys);

    private void Exit(Frame rest, int node, int left)
    {
        if (rest.Least <= left) SetAll(node);
        Follow(rest, node, left);
    }

    /// <summary>Lets tokens through that go on behind a node of the trie, where a piece has ended.</summary>
    private void Follow(Frame rest, int node, int left)
    {
        var (end, top) = (trie.End(node), trie.Depth(node));
        if (end == node + 1) return;
        readings.Begin(rest);
        for (var at = node + 1; at < end;)
        {
            var depth = trie.Depth(at) - top;
            if ((readings.Steps > MaxSteps && trie.Depth(at) > 1) || !readings.Step(depth, trie.Label(at)))
            {
                at = trie.End(at);
                continue;
            }

            if (!trie.TokensAt(at).IsEmpty && readings.Nearest(depth) <= left) SetAll(at);
            at++;
        }
    }

    /// <summary>Takes one reading over a token, in the same way as the mask was made: what the mask lets through is read.</summary>
    private void Read(in Head head, ReadOnlySpan<byte> bytes, int left)
    {
        var (terminal, state, count, rest) = (head.Terminal, head.State, head.Count, head.Next);
        if (terminal.Accepts(state)) ReadOn(rest, bytes, left);
        for (var i = 0; i < bytes.Length; i++)
        {
            state = terminal.Step(state, bytes[i], ref count);
            if (state == Dfa.Dead) return;
            if (terminal.IsKey && state == Dfa.Closed)
            {
                var key = head.Key + Text(bytes[..i]);
                if (head.Key is null || !terminal.IsNew(key, rest.Keys)) return;
                rest = rest.With(key);
            }

            if (terminal.Accepts(state) && i + 1 < bytes.Length) ReadOn(rest, bytes[(i + 1)..], left);
        }

        Keep(head with { State = state, Count = count, Next = rest }, bytes, left);
    }

    private void ReadOn(Frame rest, ReadOnlySpan<byte> bytes, int left)
    {
        readings.Begin(rest);
        for (var i = 0; i < bytes.Length; i++)
            if (!readings.Step(i + 1, bytes[i])) return;
        foreach (var head in readings.At(bytes.Length)) Keep(head, bytes, left);
    }

    private void Keep(Head head, ReadOnlySpan<byte> bytes, int left)
    {
        if (head.Terminal.IsKey && head.State is not (Dfa.Quote or Dfa.Closed))
            head = head with { Key = head.Key + Text(head.Key is null ? bytes[(bytes.LastIndexOf((byte)'"') + 1)..] : bytes) };
        if (head.Least > left) return;
        foreach (var kept in next)
            if (kept.Is(head)) return;
        next.Add(head);
        if (next.Count == 4 * Frame.MaxHeads) Cut();
    }

    private void Cut()
    {
        next.Sort(Readings.NearestFirst);
        if (next.Count > Frame.MaxHeads) next.RemoveRange(Frame.MaxHeads, next.Count - Frame.MaxHeads);
    }

    private static string Text(ReadOnlySpan<byte> bytes) => System.Text.Encoding.Latin1.GetString(bytes);

    private void SetAll(int node)
    {
        foreach (var token in trie.TokensAt(node)) Set(token);
    }

    private void Set(int token) => words[token >> 6] |= 1UL << token;
}
