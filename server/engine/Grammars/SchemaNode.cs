using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>A part of a schema, and where it lies.</summary>
/// <param name="Way">From the root; null: it is the root. Written out for an error alone, for names can be long.</param>
/// <param name="Parameter">What the request calls the schema.</param>
internal readonly record struct SchemaNode(JsonElement Json, SchemaWay? Way, string Parameter)
{
    public bool IsObject => Json.ValueKind == JsonValueKind.Object;

    /// <summary>Null: there is none.</summary>
    public SchemaNode? this[string name] => IsObject && Json.TryGetProperty(name, out var value) ? At(name, value) : null;

    public SchemaNode At(string name, JsonElement value) => new(value, new(name, Way), Parameter);

    /// <summary>The members of an object, each name once.</summary>
    public IEnumerable<(string Name, SchemaNode Node)> Members()
    {
        if (!IsObject) throw Refused("is no object");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var member in Json.EnumerateObject())
        {
            var node = At(member.Name, member.Value);
            yield return seen.Add(member.Name) ? (member.Name, node) : throw node.Refused("is there twice");
        }
    }

    /// <summary>The entries of a list, which is not empty.</summary>
    public IReadOnlyList<SchemaNode> Items()
    {
        if (Json.ValueKind != JsonValueKind.Array || Json.GetArrayLength() == 0) throw Refused("is no list of one or more");
        var node = this;
        return [.. Json.EnumerateArray().Select((item, i) => node.At($"{i}", item))];
    }

    public string Text() => Json.ValueKind == JsonValueKind.String ? Json.GetString()! : throw Refused("is no string");

    /// <summary>A number of characters or items; as many as there can be for more than that.</summary>
    public int Count()
    {
        if (Json.ValueKind != JsonValueKind.Number || !(Json.GetDouble() is >= 0 and var n && Math.Floor(n) == n))
            throw Refused("is no whole number of 0 or more");
        return (int)Math.Min(n, OutputGrammar.Never);
    }

    /// <summary>A schema that this one only points to, through any $ref.</summary>
    /// <param name="root">What pointers begin at.</param>
    public SchemaNode? Target(SchemaNode root)
    {
        if (this["$ref"] is not { } reference) return null;
        var pointer = reference.Text();
        if (pointer == "#") return root;
        if (!pointer.StartsWith("#/$defs/", StringComparison.Ordinal) && !pointer.StartsWith("#/definitions/", StringComparison.Ordinal))
            throw reference.Refused("cannot be served; what it names must lie under #/$defs or #/definitions, or be #");
        var target = root;
        foreach (var step in Uri.UnescapeDataString(pointer[2..]).Split('/'))
            target = target[step.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal)]
                ?? throw reference.Refused("names nothing in the schema");
        return target;
    }

    public RequestRejectedException Refused(string why) => RequestRejectedException.For(Parameter,
        $"{Parameter}: {(Way is null ? "the schema" : BtxException.OneLine(Way.Text()))} {why}");
}

/// <summary>A step into a schema, and those before it.</summary>
internal sealed record SchemaWay(string Name, SchemaWay? Before)
{
    /// <summary>With dots between.</summary>
    public string Text()
    {
        var names = new Stack<string>();
        for (var way = this; way is not null; way = way.Before) names.Push(way.Name);
        return string.Join('.', names);
    }
}
