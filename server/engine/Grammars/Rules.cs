namespace Btx.Engine.Grammars;

/// <summary>A piece of JSON that an automaton reads: punctuation, a word, a number, a string.</summary>
/// <param name="min">Of an automaton that counts: characters (code points) at least.</param>
/// <param name="declared">A key of an object that is none of these, nor one that the object has already; null: no such key.</param>
internal sealed class Terminal(Dfa dfa, int min = 0, int max = int.MaxValue, IReadOnlySet<string>? declared = null)
{
    // Bytes that make a key another one at most: there are more keys of two printable characters than an object may have.
    private const int NewKey = 2;

    public Dfa Dfa => dfa;

    public int Min => min;

    public int Max => max;

    public bool IsKey => declared is not null;

    public bool Accepts(int state) => dfa.Accepts(state);

    /// <summary>The next state, or <see cref="Dfa.Dead"/> also where the string would be too short or too long.</summary>
    public int Step(int state, byte value, ref int count)
    {
        var next = dfa.Next(state, value);
        if (!dfa.Counts || next == Dfa.Dead) return next;
        if (next == Dfa.Closed) return count < min ? Dfa.Dead : next;
        if (state == Dfa.Body && count >= max) return Dfa.Dead;
        if (next == Dfa.Body && state != Dfa.Quote) count++;
        return next;
    }

    /// <summary>The least bytes to an end; of a key an upper bound unless it is known what it says so far.</summary>
    public int Least(int state, int count)
    {
        var least = dfa.Distance(state);
        if (!dfa.Counts || state == Dfa.Closed) return least;
        return least + Missing(state > Dfa.Closed ? count + 1 : count) + (IsKey ? NewKey : 0);
    }

    /// <summary>The most that <see cref="Least"/> can be from here on.</summary>
    public int Most(int count) => dfa.Furthest + (dfa.Counts ? Missing(count) : 0) + (IsKey ? NewKey : 0);

    /// <summary>Whether a key may end here.</summary>
    /// <param name="key">Its bytes, one a character.</param>
    public bool IsNew(string key, KeyList? used) => !declared!.Contains(key) && !KeyList.Contains(used, key);

    /// <summary>The least bytes to the end of a key: its quote, and what makes it a new one.</summary>
    public int LeastOfKey(string key, KeyList? used)
    {
        if (IsNew(key, used)) return 1;
        for (var c = ' '; c <= '~'; c++)
            if (c is not ('"' or '\\') && IsNew(key + c, used)) return 2;
        return 1 + NewKey;
    }

    /// <summary>Keys that begin with these bytes and may not come again.</summary>
    public IEnumerable<string> Taken(string start, KeyList? used)
    {
        foreach (var key in declared!)
            if (key.StartsWith(start, StringComparison.Ordinal)) yield return key;
        for (; used is not null; used = used.Before)
            if (used.Key.StartsWith(start, StringComparison.Ordinal)) yield return used.Key;
    }

    private int Missing(int count) => Math.Max(0, min - count);
}

/// <summary>Keys that an object has beyond its declared ones.</summary>
internal sealed record KeyList(string Key, KeyList? Before)
{
    /// <summary>Of one object: far fewer than there are keys of two printable characters.</summary>
    public const int MaxKeys = 128;

    public int Count { get; } = 1 + (Before?.Count ?? 0);

    public static bool Contains(KeyList? keys, string key)
    {
        for (; keys is not null; keys = keys.Before)
            if (keys.Key == key) return true;
        return false;
    }
}

/// <summary>What one value can be, as a graph of places between its pieces. A container is one level of nesting; other rules only choose
/// between values.</summary>
internal sealed class Rule(bool nests)
{
    public bool Nests => nests;

    public List<Place> Places { get; } = [];

    public Place Start => Places[0];

    public Place Add(CompileBudget budget, Place? place = null)
    {
        budget.TakePlace();
        place ??= new Place();
        Places.Add(place);
        return place;
    }
}

/// <summary>A place in a rule. Ways lead to later places of the rule, or around a loop.</summary>
/// <param name="final">The rule ends here.</param>
internal sealed class Place(bool final = false)
{
    public bool Final => final;

    public List<Way> Ways { get; } = [];

    /// <summary>In the grammar.</summary>
    public int Index { get; set; }

    /// <summary>Nothing but the end of the rule follows.</summary>
    public bool IsEnd => final && Ways.Count == 0;
}

/// <summary>A way from one place to the next: over a terminal, over another rule's value, or over nothing.</summary>
/// <param name="Levels">Nesting inside the terminal's own text.</param>
/// <param name="NeedsKey">Only where the object may have one more undeclared key.</param>
internal readonly record struct Way(Place Target, Terminal? Terminal = null, Rule? Rule = null, int Levels = 0, bool NeedsKey = false);
