namespace Btx.Engine.Grammars;

/// <summary>A deterministic automaton over the bytes of one piece of JSON, such as a string or a number. State 0 is the start, and from
/// every state the end can be reached. Immutable.</summary>
internal sealed class Dfa
{
    public const int Dead = -1;

    /// <summary>States of an automaton of strings whose characters are counted. Its other states are inside a character.</summary>
    public const int Quote = 0, Body = 1, Closed = 2;

    private readonly (int Low, ushort[] To)[] next; // [states]: from the lowest byte that leads on to the highest
    private readonly int[] distance;

    private Dfa((int, ushort[])[] next, int[] distance, bool counts)
    {
        (this.next, this.distance, Counts) = (next, distance, counts);
        foreach (var d in distance)
            if (d < int.MaxValue) Furthest = Math.Max(Furthest, d);
    }

    /// <summary>It has the states <see cref="Quote"/>, <see cref="Body"/> and <see cref="Closed"/>.</summary>
    public bool Counts { get; }

    /// <summary>The largest <see cref="Distance"/>.</summary>
    public int Furthest { get; }

    /// <summary>The next state, or <see cref="Dead"/>.</summary>
    public int Next(int state, byte value)
    {
        var (low, row) = next[state];
        return (uint)(value - low) < (uint)row.Length && row[value - low] is var to && to != Builder.None ? to : Dead;
    }

    public bool Accepts(int state) => distance[state] == 0;

    /// <summary>The least bytes from a state to an end; 0: here is one.</summary>
    public int Distance(int state) => distance[state];

    /// <summary>Exactly these texts.</summary>
    public static Dfa Of(CompileBudget budget, params IEnumerable<byte[]> texts)
    {
        var builder = new Builder(budget);
        builder.Add();
        foreach (var text in texts)
        {
            var state = 0;
            foreach (var b in text)
            {
                if (builder.Next(state, b) == Dead) builder.Set(state, b, b, builder.Add());
                state = builder.Next(state, b);
            }

            builder.Accept(state);
        }

        return builder.Build();
    }

    /// <summary>States are added first; a transition may be set more than once, and the last holds.</summary>
    internal sealed class Builder(CompileBudget budget)
    {
        public const ushort None = ushort.MaxValue;

        private readonly List<ushort[]> rows = [];
        private readonly HashSet<int> ends = [];

        public int Add()
        {
            budget.TakeState();
            var row = new ushort[256];
            Array.Fill(row, None);
            rows.Add(row);
            return rows.Count - 1;
        }

        public int Next(int state, byte value) => rows[state][value] is var to && to == None ? Dead : to;

        public void Set(int state, int low, int high, int target) => rows[state].AsSpan(low, high - low + 1).Fill((ushort)target);

        public void Accept(int state) => ends.Add(state);

        /// <summary>Leaves out what leads nowhere.</summary>
        /// <exception cref="BtxException">No text is accepted.</exception>
        public Dfa Build(bool counts = false)
        {
            var before = new List<int>[rows.Count];
            for (var s = 0; s < before.Length; s++) before[s] = [];
            for (var s = 0; s < before.Length; s++)
                for (int b = 0, last = None; b < 256; b++)
                    if (rows[s][b] is var to && to != last && (last = to) != None) before[to].Add(s);

            var distance = new int[rows.Count];
            Array.Fill(distance, int.MaxValue);
            var open = new Queue<int>(ends);
            foreach (var end in ends) distance[end] = 0;
            while (open.TryDequeue(out var state))
            {
                foreach (var s in before[state])
                {
                    if (distance[s] < int.MaxValue) continue;
                    distance[s] = distance[state] + 1;
                    open.Enqueue(s);
                }
            }

            if (distance[0] == int.MaxValue) throw new BtxException("no value fits");
            foreach (var row in rows)
                for (var b = 0; b < 256; b++)
                    if (row[b] != None && distance[row[b]] == int.MaxValue) row[b] = None;
            return new Dfa([.. rows.Select(Trimmed)], distance, counts);
        }

        private (int, ushort[]) Trimmed(ushort[] row)
        {
            var low = Math.Max(0, row.AsSpan().IndexOfAnyExcept(None));
            ushort[] to = row[low..(row.AsSpan().LastIndexOfAnyExcept(None) + 1 is var end and > 0 ? end : low)];
            budget.Bytes += 64 + (2 * to.Length);
            return (low, to);
        }
    }
}
