namespace Btx.Engine.Grammars;

/// <summary>Spells an automaton over characters in the bytes of a JSON string: UTF-8, and the short escapes where there must be
/// one.</summary>
internal sealed class Spelling
{
    /// <summary>Control characters with an escape of one letter.</summary>
    public const string Escaped = "\b\t\n\f\r";

    private const int None = int.MinValue;

    // Of a node: by byte the next node, or −1 − letter once the character is whole.
    private readonly List<int[]> nodes = [];
    private readonly List<HashSet<int>> letters = []; // that can still come of a node

    private Spelling(IReadOnlyList<(int Low, int High)> alphabet)
    {
        Add();
        for (var letter = 0; letter < alphabet.Count; letter++)
        {
            var (low, high) = alphabet[letter];
            if (low is '"' or '\\') Insert([('\\', '\\'), (low, low)], letter);
            else if (low < 0x20) Insert([('\\', '\\'), ("btnfr"[Escaped.IndexOf((char)low, StringComparison.Ordinal)], 0)], letter);
            else
                foreach (var (from, to) in SameLength(low, high)) Split(from, to, letter);
        }
    }

    /// <param name="alphabet">Ranges of characters of the basic plane, each a letter.</param>
    /// <param name="moves">[state][letter]: the next state, or <see cref="Dfa.Dead"/>; state 0 is the start.</param>
    public static Dfa Build(IReadOnlyList<(int, int)> alphabet, List<int[]> moves, List<bool> accepts, CompileBudget budget)
    {
        var spelling = new Spelling(alphabet);
        var dfa = new Dfa.Builder(budget);
        var (begin, closed) = (dfa.Add(), dfa.Add());
        dfa.Accept(closed);
        var ids = new Dictionary<(int State, int Node), int>();
        var open = new Queue<(int State, int Node)>();
        dfa.Set(begin, '"', '"', Id((0, 0)));
        while (open.TryDequeue(out var at))
        {
            var id = ids[at];
            if (at.Node == 0 && accepts[at.State]) dfa.Set(id, '"', '"', closed);
            for (var b = 0; b < 256; b++)
            {
                var to = spelling.nodes[at.Node][b];
                if (to == None) continue;
                var next = to < 0 ? (moves[at.State][-1 - to], 0) : (at.State, to);
                if (next.Item1 != Dfa.Dead && (to < 0 || spelling.letters[to].Any(l => moves[at.State][l] != Dfa.Dead)))
                    dfa.Set(id, b, b, Id(next));
            }
        }

        return dfa.Build();

        int Id((int, int) at)
        {
            if (ids.TryGetValue(at, out var id)) return id;
            ids.Add(at, id = dfa.Add());
            open.Enqueue(at);
            return id;
        }
    }

    private int Add()
    {
        var node = new int[256];
        Array.Fill(node, None);
        nodes.Add(node);
        letters.Add([]);
        return nodes.Count - 1;
    }

    private static IEnumerable<(int, int)> SameLength(int low, int high)
    {
        foreach (var (from, to) in new[] { (0, 0x7F), (0x80, 0x7FF), (0x800, 0xFFFF) })
            if (low <= to && high >= from) yield return (Math.Max(low, from), Math.Min(high, to));
    }

    // Parts of a range whose bytes vary independently: each byte of a part is one value, or what follows it takes every value.
    private void Split(int low, int high, int letter)
    {
        for (var bits = 6; bits <= 12 && low > 0x7F; bits += 6)
        {
            var mask = (1 << bits) - 1;
            if ((low & ~mask) == (high & ~mask)) continue;
            var cut = (low & mask) != 0 ? low | mask : (high & mask) != mask ? (high & ~mask) - 1 : high;
            if (cut == high) continue;
            Split(low, cut, letter);
            Split(cut + 1, high, letter);
            return;
        }

        var (first, last) = (Utf8(low), Utf8(high));
        Insert([.. first.Zip(last)], letter);
    }

    private static int[] Utf8(int c) =>
        c <= 0x7F ? [c] : c <= 0x7FF ? [0xC0 | c >> 6, 0x80 | c & 0x3F] : [0xE0 | c >> 12, 0x80 | c >> 6 & 0x3F, 0x80 | c & 0x3F];

    private void Insert(ReadOnlySpan<(int Low, int High)> bytes, int letter)
    {
        var node = 0;
        for (var i = 0; i < bytes.Length; i++)
        {
            var (low, high) = (bytes[i].Low, Math.Max(bytes[i].Low, bytes[i].High));
            var next = i == bytes.Length - 1 ? -1 - letter : nodes[node][low] is var known && known != None ? known : Add();
            letters[node].Add(letter);
            nodes[node].AsSpan(low, high - low + 1).Fill(next);
            if (next >= 0) node = next;
        }
    }
}
