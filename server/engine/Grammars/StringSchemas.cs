using System.Collections.Concurrent;

namespace Btx.Engine.Grammars;

/// <summary>What a schema says about strings: length, pattern, format.</summary>
internal sealed class StringSchemas(CompileBudget budget)
{
    private const int LongestMatch = 512; // characters of a string with both a pattern and an upper bound
    private const string Date = "[1-9]\\d{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)"
        + "|02-(?:0[1-9]|1\\d|2[0-8]))";
    private const string Time = "(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,6})?(?:Z|[+-](?:0\\d|1[0-3]):[0-5]\\d)";
    private const string Octet = "(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)";
    private const string Host = "[A-Za-z0-9]{1,30}(?:-[A-Za-z0-9]{1,30})?(?:\\.[A-Za-z0-9]{1,30}){0,2}\\.[A-Za-z]{2,10}";
    private const string Part = "(?:[A-Za-z0-9_~.-]|%[0-9A-F]{2})";

    // Each a part of what the format allows, on which programs that check formats agree.
    private static readonly Dictionary<string, string> Formats = new()
    {
        ["date"] = Date,
        ["time"] = Time,
        ["date-time"] = Date + "T" + Time,
        ["uuid"] = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        ["ipv4"] = Octet + "(?:\\." + Octet + "){3}",
        ["email"] = "[A-Za-z0-9_+-]{1,30}(?:\\.[A-Za-z0-9_+-]{1,30})?@" + Host,
        ["uri"] = "https?://" + Host + "(?::[1-9]\\d{0,3})?(?:/" + Part + "*)*(?:\\?" + Part + "+(?:[=&]" + Part + "+)*)?"
            + "(?:#" + Part + "+)?",
    };

    private static readonly ConcurrentDictionary<string, Terminal> OfFormats = new();

    private readonly Dictionary<(string, int, int), Terminal> known = [];

    public Terminal Terminal(SchemaNode schema)
    {
        var min = schema["minLength"]?.Count() ?? 0;
        var max = schema["maxLength"]?.Count() ?? int.MaxValue;
        if (min > max) throw schema.Refused($"asks for {min} characters or more, and for {max} or fewer");
        if (schema["pattern"] is { } pattern)
        {
            if (schema["format"] is { } format) throw format.Refused("beside pattern cannot be served");
            return Matching(pattern, pattern.Text(), min, max);
        }

        if (schema["format"] is not { } named) return new Terminal(JsonPieces.String, min, max);
        if (Formats.TryGetValue(named.Text(), out var text))
            return min > 0 || max < int.MaxValue ? Matching(named, $"^(?:{text})$", min, max) : OfFormats.GetOrAdd(text,
                static t => new Terminal(PatternDfa.Build(Pattern.Parse($"^(?:{t})$"), 0, int.MaxValue, new CompileBudget())));
        throw named.Refused($"is \"{BtxException.OneLine(named.Text(), 40)}\"; served are {string.Join(", ", Formats.Keys)}");
    }

    private Terminal Matching(SchemaNode node, string pattern, int min, int max)
    {
        if (max is not int.MaxValue) max = Math.Min(max, Math.Max(min, LongestMatch));
        if (known.TryGetValue((pattern, min, max), out var terminal)) return terminal;
        try
        {
            return known[(pattern, min, max)] = new Terminal(PatternDfa.Build(Pattern.Parse(pattern), min, max, budget));
        }
        catch (BtxException e)
        {
            throw node.Refused($"cannot be served: {e.Message}");
        }
    }
}
