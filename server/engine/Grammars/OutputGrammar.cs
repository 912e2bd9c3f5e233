using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>What an answer may look like: every text that it lets through is JSON and valid under the schema that it was made from. It is a
/// pushdown automaton over bytes: rules on a stack, between pieces that finite automata read. Immutable; any thread.</summary>
/// <remarks>Served: type, properties, required, additionalProperties (absent: false where there are properties), items, prefixItems,
/// minItems, maxItems, enum, const, anyOf, oneOf of branches that are disjoint, allOf of one, $ref to # or what lies under #/$defs or
/// #/definitions, minLength, maxLength, pattern, format, and bounds of numbers. Annotations are ignored, all else is refused. Properties
/// come in their declared order, a blank only behind a colon or a comma, numbers have 15 digits at most, keys of an object are distinct.
/// </remarks>
public sealed class OutputGrammar
{
    /// <summary>Objects and arrays inside one another at most: as deep as usual readers of JSON go.</summary>
    internal const int MaxDepth = 64;

    /// <summary>No end can be reached.</summary>
    internal const int Never = 1_000_000_000;

    private static readonly GrammarCache Cache = new();

    [ThreadStatic]
    private static bool isOnlyFinding;

    private readonly List<int[]> least = []; // [levels of nesting left][place]
    private readonly int places;

    /// <param name="rules">Every rule that can be reached.</param>
    internal OutputGrammar(Rule root, IReadOnlyList<Rule> rules, long automataBytes)
    {
        var ordered = InOrder(rules);
        foreach (var place in ordered.SelectMany(r => r.Places)) place.Index = places++;
        var end = new Place(final: true);
        var start = new Place();
        start.Ways.Add(new Way(end, Rule: root));
        (end.Index, start.Index) = (places++, places++);
        Start = start;
        var deepest = ordered.SelectMany(r => r.Places).SelectMany(p => p.Ways).Max(w => w.Levels);
        do least.Add(LeastBytesFrom(ordered, start, end)); // once a level changes nothing, none does
        while (least.Count <= MaxDepth && (least.Count < deepest + 2 || !least[^1].AsSpan().SequenceEqual(least[^2])));
        if (LeastBytes >= Never) throw new BtxException($"no value of at most {MaxDepth} levels of nesting fits");
        Size = automataBytes + (places * (160L + (4 * least.Count)));
    }

    /// <summary>Any JSON object.</summary>
    public static OutputGrammar AnyObject { get; } =
        new SchemaCompiler(JsonElement.Parse("""{"type":"object"}"""), "").Grammar();

    /// <summary>Bytes of the shortest text: an answer takes at most so many tokens, and at least that many must be left for it.</summary>
    public int LeastBytes => Least(Start, MaxDepth);

    internal Place Start { get; }

    /// <summary>Bytes of memory, about.</summary>
    internal long Size { get; }

    /// <summary>Compiles a schema, or finds it compiled. Takes at most about a second, on the caller's thread.</summary>
    /// <param name="parameter">What the caller's request calls it; messages begin with it.</param>
    /// <exception cref="RequestRejectedException">The schema has a keyword that cannot be served, lets no answer through, or is beyond a
    /// limit; one line with its path.</exception>
    public static OutputGrammar FromSchema(JsonElement schema, string parameter = "response_format") =>
        Cache.Get($"{parameter}\n{schema.GetRawText()}", () => isOnlyFinding ? throw new NotCompiledException()
            : new SchemaCompiler(schema, parameter).Grammar());

    /// <summary>Makes what needs schemas, where all of them have been compiled; it takes no time then.</summary>
    /// <param name="make">It calls <see cref="FromSchema"/> on the thread that it is called on.</param>
    /// <returns>False: one has still to be compiled, and nothing was made.</returns>
    /// <exception cref="RequestRejectedException">As of <see cref="FromSchema"/>: what was refused once is known, too.</exception>
    public static bool TryMake<T>(Func<T> make, [MaybeNullWhen(false)] out T made)
    {
        isOnlyFinding = true;
        try
        {
            made = make();
            return true;
        }
        catch (NotCompiledException)
        {
            made = default;
            return false;
        }
        finally
        {
            isOnlyFinding = false;
        }
    }

    /// <summary>The least bytes from a place to the end of its rule.</summary>
    /// <param name="levels">Of nesting, that are left.</param>
    internal int Least(Place place, int levels) => least[Math.Min(levels, least.Count - 1)][place.Index];

    /// <summary>The least bytes that a way takes; <see cref="Never"/> where it cannot be gone.</summary>
    internal int Least(in Way way, int levels)
    {
        if (way.Terminal is { } terminal) return way.Levels <= levels ? terminal.Least(0, 0) : Never;
        if (way.Rule is not { } rule) return 0;
        return !rule.Nests ? Least(rule.Start, levels) : levels > 0 ? Least(rule.Start, levels - 1) : Never;
    }

    internal static int Sum(int a, int b) => (int)Math.Min(Never, (long)a + b);

    // Values that are chosen between come before what chooses, so that one pass finds all sums. Only nesting may lead back.
    private static List<Rule> InOrder(IReadOnlyList<Rule> rules)
    {
        var users = rules.ToDictionary(r => r, _ => new List<Rule>());
        var open = new Dictionary<Rule, int>();
        foreach (var rule in rules)
        {
            open[rule] = 0;
            foreach (var used in rule.Places.SelectMany(p => p.Ways).Select(w => w.Rule).OfType<Rule>().Where(r => !r.Nests))
            {
                users[used].Add(rule);
                open[rule]++;
            }
        }

        var ordered = rules.Where(r => open[r] == 0).ToList();
        for (var i = 0; i < ordered.Count; i++)
            foreach (var user in users[ordered[i]])
                if (--open[user] == 0) ordered.Add(user);
        return ordered.Count == rules.Count ? ordered
            : throw new BtxException("a $ref leads back to itself with no object or array between");
    }

    private int[] LeastBytesFrom(List<Rule> ordered, Place start, Place end)
    {
        var levels = least.Count;
        var row = new int[places];
        Array.Fill(row, Never);
        least.Add(row); // ways look into it
        row[end.Index] = 0;
        foreach (var rule in ordered)
            for (var i = rule.Places.Count - 1; i >= 0; i--) Set(rule.Places[i]);
        Set(start);
        least.RemoveAt(levels);
        return row;

        void Set(Place place)
        {
            if (place.Final) row[place.Index] = 0;
            foreach (var way in place.Ways)
                row[place.Index] = Math.Min(row[place.Index], Sum(Least(way, levels), row[way.Target.Index]));
        }
    }
}

/// <summary>A schema has still to be compiled.</summary>
internal sealed class NotCompiledException : Exception;

/// <summary>Compiled grammars, and why others were refused, by their schemas; the oldest are given up beyond a size. Thread-safe.</summary>
internal sealed class GrammarCache
{
    private const long MaxBytes = 64L << 20;
    private readonly Dictionary<string, Compiled> all = new(StringComparer.Ordinal);
    private readonly Queue<string> order = new();
    private long bytes;

    /// <param name="schema">With the name that messages have for it.</param>
    public OutputGrammar Get(string schema, Func<OutputGrammar> compile)
    {
        lock (all)
            if (all.TryGetValue(schema, out var known)) return known.Result;

        Compiled compiled;
        try
        {
            compiled = new(compile(), null);
        }
        catch (RequestRejectedException e)
        {
            compiled = new(null, e.Problem);
        }

        lock (all)
        {
            if (!all.TryAdd(schema, compiled)) return all[schema].Result;
            order.Enqueue(schema);
            bytes += Cost(schema, compiled);
            while (bytes > MaxBytes)
            {
                var oldest = order.Dequeue();
                all.Remove(oldest, out var gone);
                bytes -= Cost(oldest, gone!);
            }
        }

        return compiled.Result;
    }

    private static long Cost(string schema, Compiled compiled) =>
        (2L * (schema.Length + (compiled.Problem?.Message.Length ?? 0))) + 200 + (compiled.Grammar?.Size ?? 0);

    private sealed record Compiled(OutputGrammar? Grammar, RequestProblem? Problem)
    {
        public OutputGrammar Result => Grammar ?? throw new RequestRejectedException(Problem!);
    }
}
