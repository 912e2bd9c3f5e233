using System.Text;
using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>What a schema says about objects and arrays.</summary>
/// <param name="newRule">Makes a rule that nests or not.</param>
/// <param name="value">Compiles a schema.</param>
internal sealed class ContainerSchemas(CompileBudget budget, Func<bool, Rule> newRule, Func<SchemaNode, Rule> value)
{
    private const int MaxItems = 1024; // of an array with an upper bound

    // Properties come in the order in which they are declared, then others.
    public Rule Object(SchemaNode schema)
    {
        var properties = schema["properties"] is { } p ? p.Members().ToList() : [];
        var other = schema["additionalProperties"]
            ?? (schema["properties"] is null ? schema.At("additionalProperties", SchemaCompiler.Anything) : null);
        if (other is { Json.ValueKind: JsonValueKind.False }) other = null;
        var required = schema["required"] is not { } list || (list.Json.ValueKind == JsonValueKind.Array && list.Json.GetArrayLength() == 0)
            ? [] : list.Items().Select(n => n.Text()).ToHashSet();
        foreach (var name in required.Except(properties.Select(x => x.Name)).ToList())
            properties.Add((name, other ?? throw schema["required"]!.Value.Refused($"names \"{BtxException.OneLine(name, 60)}\", which "
                + "properties lack and additionalProperties does not allow")));

        var rule = newRule(true);
        var (start, first, key) = (rule.Add(budget), rule.Add(budget), rule.Add(budget));
        var (last, end) = (new Place(), new Place(final: true));
        var needed = properties.FindLastIndex(x => required.Contains(x.Name)); // only behind it may the object end
        start.Ways.Add(new Way(first, JsonPieces.OpenObject));
        if (needed < 0) first.Ways.Add(new Way(end, JsonPieces.CloseObject));
        first.Ways.Add(new Way(key));
        for (var i = 0; i < properties.Count; i++)
        {
            var (name, property) = properties[i];
            var colon = rule.Add(budget);
            var after = i == properties.Count - 1 ? last : rule.Add(budget);
            var next = rule.Add(budget);
            key.Ways.Add(new Way(colon, Key(name)));
            if (!required.Contains(name)) key.Ways.Add(new Way(next));
            colon.Ways.Add(new Way(after, Rule: value(property)));
            if (after != last) Separate(after, next, i >= needed ? end : null, JsonPieces.CloseObject);
            key = next;
        }

        if (other is { } more)
        {
            var (colon, content) = (rule.Add(budget), rule.Add(budget));
            var declared = properties.Select(x => Encoding.Latin1.GetString(Encoding.UTF8.GetBytes(x.Name))).ToHashSet();
            key.Ways.Add(new Way(colon, new Terminal(JsonPieces.PlainString, declared: declared), NeedsKey: true));
            colon.Ways.Add(new Way(content, JsonPieces.Colon));
            content.Ways.Add(new Way(last, Rule: value(more)));
        }

        Separate(last, key, end, JsonPieces.CloseObject, needsKey: true);
        rule.Add(budget, last);
        rule.Add(budget, end);
        return rule;
    }

    private Terminal Key(string name)
    {
        var text = JsonSerializer.Serialize(name, SchemaCompiler.Compact);
        return new Terminal(Dfa.Of(budget, Encoding.UTF8.GetBytes(text + ":"), Encoding.UTF8.GetBytes(text + ": ")));
    }

    private static void Separate(Place after, Place? next, Place? end, Terminal close, bool needsKey = false)
    {
        if (next is not null) after.Ways.Add(new Way(next, JsonPieces.Comma, NeedsKey: needsKey));
        if (end is not null) after.Ways.Add(new Way(end, close));
    }

    public Rule Array(SchemaNode schema)
    {
        var prefix = schema["prefixItems"]?.Items() ?? [];
        var min = schema["minItems"]?.Count() ?? 0;
        var items = schema["items"] ?? (prefix.Count == 0 || min > prefix.Count ? schema.At("items", SchemaCompiler.Anything) : null);
        if (items is { Json.ValueKind: JsonValueKind.Array } old) throw old.Refused("as a list cannot be served; call it prefixItems");
        if (items is { Json.ValueKind: JsonValueKind.False }) items = null;
        var bounded = schema["maxItems"] is not null || items is null;
        var max = Math.Min(schema["maxItems"]?.Count() ?? OutputGrammar.Never, items is null ? prefix.Count : Math.Max(min, MaxItems));
        if (min > max) throw schema.Refused($"asks for {min} items or more, and for {max} or fewer");

        var rule = newRule(true);
        var (start, first) = (rule.Add(budget), rule.Add(budget));
        var (last, end) = (new Place(), new Place(final: true));
        start.Ways.Add(new Way(first, JsonPieces.OpenArray));
        if (min == 0) first.Ways.Add(new Way(end, JsonPieces.CloseArray));
        var written = bounded ? max : Math.Max(1, Math.Max(min, prefix.Count)); // places of their own
        var rest = items is { } schemaOfRest && (!bounded || max > prefix.Count) ? value(schemaOfRest) : null;
        var item = rule.Add(budget);
        if (written > 0) first.Ways.Add(new Way(item));
        for (var i = 0; i < written; i++)
        {
            var after = i == written - 1 ? last : rule.Add(budget);
            item.Ways.Add(new Way(after, Rule: i < prefix.Count ? value(prefix[i]) : rest));
            item = rule.Add(budget);
            if (after != last) Separate(after, item, i + 1 >= min ? end : null, JsonPieces.CloseArray);
        }

        if (!bounded) item.Ways.Add(new Way(last, Rule: rest));
        Separate(last, bounded ? null : item, end, JsonPieces.CloseArray);
        rule.Add(budget, last);
        rule.Add(budget, end);
        return rule;
    }
}
