using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.Engine.Grammars;

/// <summary>Turns a JSON schema into rules. What it cannot hold an answer to it refuses, and where the schema leaves a choice open it may
/// take a narrower one: every text of the grammar is valid, not every valid text is one of the grammar. For one schema.</summary>
internal sealed class SchemaCompiler
{
    public const int MaxBytes = 256 << 10;
    public const int MaxSchemas = 4096;

    public static readonly JsonElement Anything = JsonElement.Parse("true");
    public static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private static readonly string[] Types = ["object", "array", "string", "number", "boolean", "null"];

    // What says nothing about what is valid.
    private static readonly HashSet<string> Annotations = ["title", "description", "default", "examples", "$schema", "$id", "$comment",
        "deprecated", "readOnly", "writeOnly", "strict", "$defs", "definitions"];

    // By keyword the type of values that it is about; empty: any.
    private static readonly Dictionary<string, string> Keywords = new()
    {
        ["type"] = "",
        ["enum"] = "",
        ["const"] = "",
        ["$ref"] = "",
        ["anyOf"] = "",
        ["oneOf"] = "",
        ["allOf"] = "",
        ["properties"] = "object",
        ["required"] = "object",
        ["additionalProperties"] = "object",
        ["items"] = "array",
        ["prefixItems"] = "array",
        ["minItems"] = "array",
        ["maxItems"] = "array",
        ["minLength"] = "string",
        ["maxLength"] = "string",
        ["pattern"] = "string",
        ["format"] = "string",
        ["minimum"] = "number",
        ["maximum"] = "number",
        ["exclusiveMinimum"] = "number",
        ["exclusiveMaximum"] = "number",
    };

    private readonly SchemaNode root;
    private readonly CompileBudget budget = new();
    private readonly StringSchemas strings;
    private readonly ContainerSchemas containers;
    private readonly List<Rule> rules = [];
    private readonly Dictionary<string, Rule> shared = new(StringComparer.Ordinal); // by what refers to it
    private readonly Queue<(Rule Rule, SchemaNode Schema)> open = new();
    private int schemas;

    public SchemaCompiler(JsonElement schema, string parameter)
    {
        root = new SchemaNode(schema, null, parameter);
        strings = new StringSchemas(budget);
        containers = new ContainerSchemas(budget, New, Value);
    }

    /// <exception cref="RequestRejectedException">See <see cref="OutputGrammar.FromSchema"/>.</exception>
    public OutputGrammar Grammar()
    {
        try
        {
            CheckSize();
            var rule = Shared("#", root);
            while (open.TryDequeue(out var next)) AddValues(next.Rule, next.Schema);
            return new OutputGrammar(rule, rules, budget.Bytes);
        }
        catch (BtxException e)
        {
            throw root.Refused($"cannot be served: {e.Message}");
        }
        catch (Exception e) when (e is InvalidOperationException or JsonException) // half a surrogate pair in an escape
        {
            throw root.Refused("has a string that is no text");
        }
    }

    private void CheckSize()
    {
        var text = Encoding.UTF8.GetBytes(root.Json.GetRawText());
        if (text.Length > MaxBytes) throw root.Refused($"has {text.Length} bytes; at most {MaxBytes} are taken");
        var reader = new Utf8JsonReader(text, new JsonReaderOptions { MaxDepth = 2 * OutputGrammar.MaxDepth });
        while (reader.Read())
            if (reader.TokenType is JsonTokenType.StartObject or JsonTokenType.StartArray && reader.CurrentDepth >= OutputGrammar.MaxDepth)
                throw root.Refused($"has more than {OutputGrammar.MaxDepth} levels of nesting");
    }

    // What may be used in several places, itself included, is compiled once, and not while something else is: no depth of references
    // is one of the stack.
    private Rule Shared(string name, SchemaNode schema)
    {
        if (shared.TryGetValue(name, out var rule)) return rule;
        shared.Add(name, rule = New(nests: false));
        rule.Add(budget);
        rule.Add(budget, new Place(final: true));
        open.Enqueue((rule, schema));
        return rule;
    }

    private Rule New(bool nests)
    {
        var rule = new Rule(nests);
        rules.Add(rule);
        return rule;
    }

    private Rule Value(SchemaNode schema)
    {
        if (schema.Json.GetRawText() is "true" or "{}") return Shared("true", schema with { Json = Anything });
        var rule = New(nests: false);
        rule.Add(budget);
        rule.Add(budget, new Place(final: true));
        AddValues(rule, schema);
        return rule;
    }

    // Adds what the schema lets through to what the rule chooses from.
    private void AddValues(Rule rule, SchemaNode schema)
    {
        if (++schemas > MaxSchemas) throw root.Refused($"has more than {MaxSchemas} schemas in it");
        if (schema.Json.ValueKind == JsonValueKind.False) throw schema.Refused("lets no value through");
        var names = schema.Json.ValueKind == JsonValueKind.True ? [] : Known(schema);
        if (names.Find(n => n is "$ref" or "anyOf" or "oneOf" or "allOf") is { } composed)
        {
            if (names.Find(n => n != composed) is { } beside) throw schema[beside]!.Value.Refused($"beside {composed} cannot be served");
            Compose(rule, schema, composed);
            return;
        }

        var types = TypesOf(schema, names);
        if (names.Find(n => n is "enum" or "const") is { } listed)
        {
            if (names.Find(n => n != listed && n != "type") is { } beside)
                throw schema[beside]!.Value.Refused($"beside {listed} cannot be served");
            AddListed(rule, schema[listed]!.Value, listed, schema["type"] is null ? null : types);
            return;
        }

        foreach (var type in types)
        {
            if (type == "object") Add(rule, new Way(rule.Places[1], Rule: containers.Object(schema)));
            else if (type == "array") Add(rule, new Way(rule.Places[1], Rule: containers.Array(schema)));
            else Add(rule, new Way(rule.Places[1], Scalar(schema, type)));
        }
    }

    private static void Add(Rule rule, Way way) => rule.Start.Ways.Add(way);

    private static List<string> Known(SchemaNode schema)
    {
        var names = new List<string>();
        foreach (var (name, node) in schema.Members())
        {
            if (Annotations.Contains(name)) continue;
            if (!Keywords.ContainsKey(name)) throw node.Refused($"cannot be served; served are {string.Join(", ", Keywords.Keys)}");
            names.Add(name);
        }

        return names;
    }

    private void Compose(Rule rule, SchemaNode schema, string keyword)
    {
        if (keyword == "$ref")
        {
            Add(rule, new Way(rule.Places[1], Rule: Shared(schema["$ref"]!.Value.Text(), schema.Target(root)!.Value)));
            return;
        }

        var branches = schema[keyword]!.Value.Items();
        if (keyword == "allOf" && branches.Count > 1) throw schema["allOf"]!.Value.Refused("of more than one schema cannot be served");
        if (keyword == "oneOf") new Disjointness(root, budget).Require(branches);
        foreach (var branch in branches) AddValues(rule, branch);
    }

    // Without a type, those that a keyword is about; values of other types would be valid as well.
    private static IReadOnlyList<string> TypesOf(SchemaNode schema, List<string> names)
    {
        if (schema["type"] is not { } type)
            return names.Select(n => Keywords[n]).Where(t => t.Length > 0).Distinct().ToList() is { Count: > 0 } meant ? meant : Types;
        var types = type.Json.ValueKind == JsonValueKind.Array ? type.Items().Select(t => t.Text()).Distinct().ToList() : [type.Text()];
        if (types.Find(t => t != "integer" && !Types.Contains(t)) is { } unknown)
            throw type.Refused($"is \"{BtxException.OneLine(unknown, 40)}\"; expected {string.Join(", ", Types)} or integer");
        if (types.Contains("number")) types.Remove("integer");
        return types;
    }

    private Terminal Scalar(SchemaNode schema, string type) => type switch
    {
        "string" => strings.Terminal(schema),
        "boolean" => JsonPieces.Boolean,
        "null" => JsonPieces.Null,
        _ => Number(schema, type == "integer"),
    };

    private Terminal Number(SchemaNode schema, bool integer)
    {
        var minimum = Bound(schema["minimum"], schema["exclusiveMinimum"], 1);
        var maximum = Bound(schema["maximum"], schema["exclusiveMaximum"], -1);
        if (minimum is null && maximum is null) return integer ? JsonPieces.Integer : JsonPieces.Number;
        try
        {
            return new Terminal(NumberDfa.Between(minimum, maximum, integer, budget));
        }
        catch (BtxException e)
        {
            throw schema.Refused($"cannot be served: of numbers with up to {NumberDfa.MaxDigits} digits {e.Message}");
        }
    }

    // Of two the tighter.
    private static NumberBound? Bound(SchemaNode? inclusive, SchemaNode? exclusive, int direction)
    {
        foreach (var bound in new[] { inclusive, exclusive })
            if (bound is { } b && (b.Json.ValueKind != JsonValueKind.Number || NumberBound.Of(b.Json, false) is null))
                throw b.Refused("is no number of up to 28 digits");
        var tighter = exclusive is { } e && inclusive is { } i ? e.Json.GetDecimal().CompareTo(i.Json.GetDecimal()) * direction >= 0
            : exclusive is not null;
        var chosen = tighter ? exclusive : inclusive;
        return chosen is null ? null : NumberBound.Of(chosen.Value.Json, tighter);
    }

    private void AddListed(Rule rule, SchemaNode values, string keyword, IReadOnlyList<string>? types)
    {
        var listed = keyword == "const" ? [values.Json] : values.Items().Select(v => v.Json).ToList();
        if (types is not null)
            listed.RemoveAll(v => !types.Contains(Disjointness.TypeOf(v)) && !(types.Contains("integer") && IsInteger(v)));
        if (listed.Count == 0) throw values.Refused("has no value of the schema's type");
        Add(rule, new Way(rule.Places[1], new Terminal(Dfa.Of(budget, listed.Select(v => JsonSerializer.SerializeToUtf8Bytes(v, Compact)))),
            Levels: listed.Max(Depth)));
    }

    private static bool IsInteger(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.GetRawText().AsSpan().IndexOfAny('.', 'e', 'E') < 0;

    private static int Depth(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Object => 1 + value.EnumerateObject().Select(p => Depth(p.Value)).DefaultIfEmpty().Max(),
        JsonValueKind.Array => 1 + value.EnumerateArray().Select(Depth).DefaultIfEmpty().Max(),
        _ => 0,
    };
}
