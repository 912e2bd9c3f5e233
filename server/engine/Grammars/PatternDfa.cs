using System.Runtime.InteropServices;

namespace Btx.Engine.Grammars;

/// <summary>Strings of JSON whose text a pattern matches somewhere, as JSON schema has it: a nondeterministic automaton (Thompson 1968),
/// made deterministic over characters, then spelled in bytes. Control characters that have no escape of their own are left out.</summary>
internal sealed class PatternDfa
{
    private const int MaxNodes = 20_000;

    private readonly CompileBudget budget;
    private readonly List<Node> nodes = [];
    private readonly List<(int Low, int High)> alphabet = []; // characters that no part of the pattern tells apart
    private readonly Dictionary<CharRanges, bool[]> members = new(ReferenceEqualityComparer.Instance); // [letter]
    private readonly List<int[]> moves = []; // [state][letter]
    private readonly List<bool> accepts = [];
    private readonly int match, start;

    private PatternDfa(Pattern pattern, CompileBudget budget)
    {
        this.budget = budget;
        match = Add(new Node());
        start = Emit(pattern, match);
        var cuts = new SortedSet<int> { 0x20, 0xD800, 0xE000, 0x10000 };
        foreach (var c in "\"\\" + Spelling.Escaped) cuts.UnionWith([c, c + 1]);
        foreach (var (low, high) in nodes.SelectMany(n => n.Set?.Ranges ?? [])) cuts.UnionWith([low, high + 1]);
        foreach (var (low, next) in cuts.Zip(cuts.Skip(1)))
            if (low is >= 0x20 and not (>= 0xD800 and < 0xE000) || Spelling.Escaped.Contains((char)low)) alphabet.Add((low, next - 1));
        foreach (var set in nodes.Select(n => n.Set).OfType<CharRanges>())
            if (!members.ContainsKey(set)) members.Add(set, [.. alphabet.Select(letter => set.Contains(letter.Low))]);
    }

    /// <param name="min">Characters of the string at least.</param>
    /// <exception cref="BtxException">No string fits, or a limit is passed.</exception>
    public static Dfa Build(Pattern pattern, int min, int max, CompileBudget budget)
    {
        var automaton = new PatternDfa(pattern, budget);
        automaton.Determine(min, max);
        return Spelling.Build(automaton.alphabet, automaton.moves, automaton.accepts, budget);
    }

    private int Add(Node node)
    {
        if (nodes.Count == MaxNodes) throw new BtxException($"the pattern has more than {MaxNodes} steps once repeats are written out");
        nodes.Add(node);
        return nodes.Count - 1;
    }

    // From the end to the start: where a part leads is known before the part.
    private int Emit(Pattern pattern, int next)
    {
        budget.TakeSteps();
        switch (pattern)
        {
            case Pattern.OneOf one: return Add(new Node([next], one.Set));
            case Pattern.Anchor anchor: return Add(new Node([next], Start: !anchor.AtEnd, End: anchor.AtEnd));
            case Pattern.Choice choice: return Add(new Node([.. choice.Branches.Select(b => Emit(b, next))]));
            case Pattern.Sequence sequence: return sequence.Parts.Reverse().Aggregate(next, (to, part) => Emit(part, to));
            case Pattern.Repeat repeat:
                var to = next;
                if (repeat.Max is null)
                {
                    to = Add(new Node());
                    nodes[to] = new Node([Emit(repeat.Part, to), next]);
                }

                for (var i = repeat.Min; i < repeat.Max; i++) to = Add(new Node([Emit(repeat.Part, to), next]));
                for (var i = 0; i < repeat.Min; i++) to = Emit(repeat.Part, to);
                return to;
            default: throw new InvalidOperationException($"a pattern has no {pattern.GetType().Name}");
        }
    }

    // A state is a set of nodes and, where the length is bounded, how many characters came. The first is no other's equal: only there
    // does ^ hold.
    private void Determine(int min, int max)
    {
        var ids = new Dictionary<(string, int), int>();
        var open = new Queue<(int Id, int[] Set, int Count)>();
        var bounded = max < int.MaxValue;
        Add(Closure([start], atStart: true, atEnd: false), 0);
        while (open.TryDequeue(out var state))
        {
            var row = moves[state.Id];
            for (var letter = 0; letter < alphabet.Count; letter++)
            {
                row[letter] = Dfa.Dead;
                if (bounded && state.Count == max) continue;
                budget.TakeSteps(1 + state.Set.Length);
                var matched = state.Set is [var only] && only == match; // whatever follows, it has matched
                var to = matched ? state.Set : Closure([start, .. state.Set.Where(n => Moves(n, letter)).Select(n => nodes[n].To[0])],
                    atStart: false, atEnd: false);
                var count = bounded ? state.Count + 1 : Math.Min(min, state.Count + 1);
                var name = (new string(MemoryMarshal.Cast<int, char>(to)), count);
                if (!ids.TryGetValue(name, out var id)) ids.Add(name, id = Add(to, count));
                row[letter] = id;
            }
        }

        int Add(int[] set, int count)
        {
            budget.TakeState();
            var id = moves.Count;
            moves.Add(new int[alphabet.Count]);
            accepts.Add(count >= min && Closure(set, atStart: id == 0, atEnd: true).Contains(match));
            open.Enqueue((id, set, count));
            return id;
        }
    }

    private bool Moves(int node, int letter) => nodes[node].Set is { } set && members[set][letter];

    // What can be reached without a character: of a set that has the match, the match alone.
    private int[] Closure(IEnumerable<int> from, bool atStart, bool atEnd)
    {
        var seen = new HashSet<int>();
        var open = new Stack<int>(from);
        while (open.TryPop(out var n))
        {
            if (!seen.Add(n)) continue;
            budget.TakeSteps();
            if (n == match) return [match];
            var node = nodes[n];
            if (node.Set is not null || (node.Start && !atStart) || (node.End && !atEnd)) continue;
            foreach (var to in node.To) open.Push(to);
        }

        int[] kept = [.. seen.Where(n => nodes[n].Set is not null || nodes[n].End)];
        Array.Sort(kept);
        return kept;
    }

    /// <param name="To">Where it leads: over one character of the set, or over none.</param>
    /// <param name="Start">Only before the first character.</param>
    /// <param name="End">Only behind the last one.</param>
    private readonly record struct Node(int[] To, CharRanges? Set = null, bool Start = false, bool End = false)
    {
        public Node() : this([]) { }
    }
}
