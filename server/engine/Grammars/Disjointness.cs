using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>Whether no value is valid under two schemas of a oneOf, as far as it can be told: by their types, by the values that they
/// list, or by a required property whose listed values differ.</summary>
internal sealed class Disjointness(SchemaNode root, CompileBudget budget)
{
    private const int MaxReferences = 16;
    private static readonly HashSet<string> AllTypes = ["object", "array", "string", "number", "boolean", "null"];

    /// <exception cref="RequestRejectedException">A value could be valid under two of them.</exception>
    public void Require(IReadOnlyList<SchemaNode> branches)
    {
        for (var i = 0; i < branches.Count; i++)
            for (var j = 0; j < i; j++)
                if (!AreDisjoint(branches[i], branches[j]))
                    throw branches[i].Refused($"could be true of a value together with branch {j}, so oneOf cannot be served; use "
                        + "anyOf, or let the branches differ in type or in a required property's const");
    }

    /// <summary>The schema's word for what a value is.</summary>
    public static string TypeOf(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => "object",
        JsonValueKind.Array => "array",
        JsonValueKind.String => "string",
        JsonValueKind.Number => "number",
        JsonValueKind.Null => "null",
        _ => "boolean",
    };

    private bool AreDisjoint(SchemaNode a, SchemaNode b)
    {
        (a, b) = (Resolved(a), Resolved(b));
        var (typesA, typesB) = (Types(a, 0), Types(b, 0));
        if (!typesA.Overlaps(typesB) || DifferInValues(a, b)) return true;
        if (!typesA.SetEquals(["object"]) || !typesB.SetEquals(["object"])) return false;
        foreach (var name in Required(a).Intersect(Required(b)))
            if (a["properties"]?[name] is { } x && b["properties"]?[name] is { } y && DifferInValues(Resolved(x), Resolved(y))) return true;
        return false;
    }

    private bool DifferInValues(SchemaNode a, SchemaNode b)
    {
        if (Values(a) is not { } valuesA || Values(b) is not { } valuesB) return false;
        budget.TakeSteps(valuesA.Count * valuesB.Count);
        return !valuesA.Any(x => valuesB.Any(y => JsonElement.DeepEquals(x, y)));
    }

    private HashSet<string> Types(SchemaNode schema, int depth)
    {
        budget.TakeSteps(50);
        schema = Resolved(schema);
        if (depth > MaxReferences) return AllTypes;
        if (Values(schema) is { } values) return [.. values.Select(TypeOf)];
        if (schema["type"] is { } type)
            return [.. (type.Json.ValueKind == JsonValueKind.Array ? type.Items().Select(t => t.Text()) : [type.Text()])
                .Select(t => t == "integer" ? "number" : t)];
        if ((schema["anyOf"] ?? schema["oneOf"]) is { } branches) return [.. branches.Items().SelectMany(b => Types(b, depth + 1))];
        return AllTypes;
    }

    private SchemaNode Resolved(SchemaNode schema)
    {
        for (var i = 0; i < MaxReferences; i++)
        {
            if (schema.Target(root) is { } target) schema = target;
            else if (schema["allOf"] is { } all && all.Items() is [var only]) schema = only;
            else break;
        }

        return schema;
    }

    private static List<JsonElement>? Values(SchemaNode schema) =>
        schema["const"] is { } one ? [one.Json] : schema["enum"] is { } list ? [.. list.Items().Select(v => v.Json)] : null;

    private static IEnumerable<string> Required(SchemaNode schema) =>
        schema["required"] is { Json.ValueKind: JsonValueKind.Array } list ? list.Json.EnumerateArray().Select(n => n.ToString()) : [];
}
