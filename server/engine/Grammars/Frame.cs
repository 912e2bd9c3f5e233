namespace Btx.Engine.Grammars;

/// <summary>One way to read the text so far: inside a piece of JSON, and what follows it.</summary>
/// <param name="Count">Characters of a string that is counted.</param>
/// <param name="Next">Where the text goes on after the piece.</param>
/// <param name="Key">What an undeclared key says so far, one character a byte; null before its first token has ended.</param>
internal readonly record struct Head(Terminal Terminal, int State, int Count, Frame Next, string? Key = null)
{
    /// <summary>Bytes to the end of the text at least.</summary>
    public int Least => OutputGrammar.Sum(Next.Least,
        Key is not null && State == Dfa.Body ? Terminal.LeastOfKey(Key, Next.Keys) : Terminal.Least(State, Count));

    /// <summary>Whether two ways to read are one.</summary>
    public bool Is(in Head other) => ReferenceEquals(Next, other.Next) && ReferenceEquals(Terminal, other.Terminal)
        && State == other.State && Count == other.Count && Key == other.Key;
}

/// <summary>A place in a rule on the stack of those that are under way. Immutable but for what it finds out once; one sequence's.</summary>
/// <param name="levels">Of nesting, that are left below it.</param>
/// <param name="keys">Undeclared keys of the object so far.</param>
internal sealed class Frame(OutputGrammar grammar, Place place, Frame? parent, int levels, KeyList? keys = null)
{
    /// <summary>Readings that are kept at most: those nearest to an end. So the shortest way out is always among them, and what is given
    /// up only makes for fewer answers.</summary>
    public const int MaxHeads = 128;

    private Head[]? heads;
    private Frame? withAnyKey;

    /// <summary>Bytes to the end of the text at least.</summary>
    public int Least { get; } = OutputGrammar.Sum(grammar.Least(place, levels), parent?.Least ?? 0);

    public KeyList? Keys => keys;

    /// <summary><see cref="Heads"/> costs nothing any more.</summary>
    public bool IsKnown => heads is not null;

    /// <summary>What can come next, each at its start; the nearest to an end first.</summary>
    public Head[] Heads => heads ??= Find();

    /// <summary>With a key of which it does not matter what it says.</summary>
    public Frame WithAnyKey => withAnyKey ??= With("");

    public Frame With(string key) => new(grammar, place, parent, levels, new KeyList(key, keys));

    private Head[] Find()
    {
        var found = new List<Head>();
        var seen = new HashSet<(Place, Frame?)>();
        var open = new Stack<Frame>();
        Visit(this);
        while (open.TryPop(out var frame)) frame.Expand(found, Visit);
        found.Sort(static (a, b) => a.Least.CompareTo(b.Least));
        return [.. found.Take(MaxHeads)];

        void Visit(Frame frame)
        {
            if (seen.Add(frame.Spot)) open.Push(frame);
        }
    }

    private (Place, Frame?) Spot => (place, parent);

    private void Expand(List<Head> found, Action<Frame> visit)
    {
        if (place.Final && parent is not null) visit(parent);
        foreach (var way in place.Ways)
        {
            if (way.NeedsKey && keys?.Count >= KeyList.MaxKeys) continue;
            if (OutputGrammar.Sum(grammar.Least(way, levels), grammar.Least(way.Target, levels)) >= OutputGrammar.Never) continue;
            var rest = way.Target.IsEnd && parent is not null ? parent : new Frame(grammar, way.Target, parent, levels, keys);
            if (way.Terminal is { } terminal) found.Add(new Head(terminal, 0, 0, rest));
            else if (way.Rule is { } rule) visit(new Frame(grammar, rule.Start, rest, rule.Nests ? levels - 1 : levels));
            else visit(rest);
        }
    }
}
