using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Btx.Engine.Grammars;

namespace Btx.Server.Http.Chat;

/// <summary>Whether the model calls a tool: as it likes, not at all, always, or the one of a name.</summary>
/// <param name="Mode">auto, none, required or function.</param>
/// <param name="Name">Of the function.</param>
internal sealed record ToolChoice(string Mode, string? Name = null)
{
    public static readonly ToolChoice Auto = new("auto"), None = new("none"), Required = new("required");

    /// <exception cref="FieldException">It is neither a known word nor a function by its name.</exception>
    public static ToolChoice Read(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.Object) return Named(Field.Object(value));
        if (value.ValueKind == JsonValueKind.String)
            return new[] { Auto, None, Required }.FirstOrDefault(choice => choice.Mode == Field.Text(value))
                ?? throw Field.Expected(value, "auto, none, required or a function");
        throw Field.Expected(value, "auto, none, required or a function");
    }

    /// <summary>Of <c>{"type": "function", "function": {"name": …}}</c>, and nothing else in it.</summary>
    private static ToolChoice Named(JsonElement value)
    {
        var isFunction = value.TryGetProperty("type", out var type) && type.ValueKind == JsonValueKind.String
            && type.ValueEquals("function")
            && value.TryGetProperty("function", out var function) && function.ValueKind == JsonValueKind.Object
            && function.TryGetProperty("name", out _) && value.EnumerateObject().Count() == 2 && function.EnumerateObject().Count() == 1;
        return isFunction ? new("function", Field.Text(value.GetProperty("function").GetProperty("name")))
            : throw Field.Expected(value, "auto, none, required or a function: {\"type\": \"function\", \"function\": {\"name\": …}}");
    }
}

/// <summary>A call that the model made, or a client says that it made.</summary>
/// <param name="Arguments">A JSON object as text.</param>
internal sealed record ToolCall(string Id, string Name, string Arguments)
{
    public static bool IsObject(string text)
    {
        try
        {
            using var json = JsonDocument.Parse(text);
            return Field.Object(json.RootElement).ValueKind == JsonValueKind.Object;
        }
        catch (JsonException)
        {
            return false;
        }
    }
}

/// <summary>What a chat's model may call.</summary>
/// <param name="Functions">By name.</param>
/// <param name="IsForced">The answer is a call of one of <see cref="Functions"/>.</param>
/// <param name="Many">The model may make several calls at once.</param>
/// <param name="Given">Names of all tools of the request, in their order.</param>
internal sealed record ChatTools(IReadOnlyDictionary<string, FunctionBody> Functions, bool IsForced, bool Many,
    IReadOnlyList<string> Given)
{
    private const int MaxTools = 128, MaxNameLength = 64;
    private static readonly string[] s_composed = ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"];

    public static ChatTools None { get; } = new(new Dictionary<string, FunctionBody>(), IsForced: false, Many: true, []);

    /// <summary>Says how to call the tools, to a model whose template does not.</summary>
    public string Description => "You can call these functions:\n"
        + $"{string.Join('\n', Functions.Values.Select(function => Json(function).ToJsonString(s_plain)))}\n"
        + "To call one, answer with nothing but a JSON object of its name and its arguments: {\"name\": \"…\", \"arguments\": {…}}";

    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 128 };

    /// <exception cref="RequestRejectedException">A tool is not a function with a plain name, or the choice names none.</exception>
    public static ChatTools Of(IReadOnlyList<ToolBody> tools, ToolChoice choice, bool many)
    {
        if (tools.Count > MaxTools) throw RequestRejectedException.At("tools", $"has {tools.Count} entries; at most {MaxTools} are taken");
        var functions = new Dictionary<string, FunctionBody>(StringComparer.Ordinal);
        foreach (var (i, tool) in tools.Index())
        {
            tool?.RefuseOthers($"tools[{i}].");
            tool?.Function?.RefuseOthers($"tools[{i}].function.");
            if (tool is not { Type: "function", Function: { Name: { } name } function })
                throw RequestRejectedException.At($"tools[{i}]", "is not of type function with a name");
            if (name.Length is 0 or > MaxNameLength || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '_' or '-' or '.'))
                throw RequestRejectedException.At($"tools[{i}].function.name", $"is {Quoted.Of(name)}; expected 1 to "
                    + $"{MaxNameLength} letters, digits, _, - and .");
            if (!functions.TryAdd(name, function))
                throw RequestRejectedException.At($"tools[{i}].function.name", $"{Quoted.Of(name)} is given twice");
        }

        if (functions.Count == 0 && choice.Mode is "required" or "function")
            throw RequestRejectedException.At("tool_choice", "is given without tools");
        if (choice.Name is { } only)
        {
            if (!functions.TryGetValue(only, out var chosen))
                throw RequestRejectedException.At("tool_choice", $"names {Quoted.Of(only)}, which is not among tools");
            functions = new(StringComparer.Ordinal) { [only] = chosen };
        }

        if (choice == ToolChoice.None) functions.Clear();
        return new(functions, choice.Mode is "required" or "function", many, [.. tools.Select(tool => tool.Function!.Name!)]);
    }

    /// <summary>The tools as chat templates expect them.</summary>
    public JsonArray ForTemplate() =>
        [.. Functions.Values.Select(function => new JsonObject { ["type"] = "function", ["function"] = Json(function) })];

    /// <summary>What a forced call is held to.</summary>
    /// <exception cref="RequestRejectedException">A tool's parameters cannot be served, or are not of type object.</exception>
    public OutputGrammar Grammar()
    {
        try
        {
            return OutputGrammar.FromSchema(Schema(), "tools");
        }
        catch (RequestRejectedException e) when (Located(e.Problem) is { } located)
        {
            throw new RequestRejectedException(located);
        }
    }

    /// <summary>A refusal of <see cref="Schema"/> with the path that the client's own schema has; null: it is of no tool's part.</summary>
    private RequestProblem? Located(RequestProblem problem)
    {
        const string Place = "tools: $defs.";
        if (!problem.Message.StartsWith(Place, StringComparison.Ordinal)) return null;
        var rest = problem.Message[Place.Length..];
        var name = Functions.Keys.Where(one => rest.StartsWith($"{one}.", StringComparison.Ordinal)
            || rest.StartsWith($"{one} ", StringComparison.Ordinal)).MaxBy(one => one.Length);
        return name is null ? null : problem with { Parameter = PlaceOf(name), Message = PlaceOf(name) + rest[name.Length..] };
    }

    private string PlaceOf(string name) => $"tools[{Given.Index().First(one => one.Item == name).Index}].function.parameters";

    /// <summary>What a forced call is: an object with a tool's name, and arguments by its schema, which lies under <c>$defs</c>.</summary>
    public JsonElement Schema() => JsonSerializer.SerializeToElement(new JsonObject
    {
        ["anyOf"] = new JsonArray([.. Functions.Keys.Select(name => new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject
            {
                ["name"] = new JsonObject { ["const"] = name },
                ["arguments"] = new JsonObject { ["$ref"] = $"#/$defs/{name}" },
            },
            ["required"] = new JsonArray("name", "arguments"),
            ["additionalProperties"] = false,
        })]),
        ["$defs"] = new JsonObject(Functions.Select(function =>
            KeyValuePair.Create(function.Key, Moved(Arguments(function.Value), $"#/$defs/{function.Key}")))),
    });

    /// <summary>A schema with its references to its own root, <c>#</c>, changed to where it lies.</summary>
    private static JsonNode? Moved(JsonNode? schema, string root) => schema switch
    {
        JsonObject fields => new JsonObject(fields.Select(field => KeyValuePair.Create(field.Key, field switch
        {
            { Key: "$ref", Value: JsonValue value } when value.TryGetValue<string>(out var target) && target.StartsWith('#') =>
                JsonValue.Create(root + target[1..]),
            { Key: "const" or "enum" or "default" or "examples" } => field.Value?.DeepClone(), // values, not schemas
            { Key: "properties" or "$defs" or "definitions", Value: JsonObject named } => // names, not keywords
                new JsonObject(named.Select(one => KeyValuePair.Create(one.Key, Moved(one.Value, root)))),
            _ => Moved(field.Value, root),
        }))),
        JsonArray entries => new JsonArray([.. entries.Select(entry => Moved(entry, root))]),
        _ => schema?.DeepClone(),
    };

    /// <summary>The schema of a forced call's arguments, which are an object.</summary>
    /// <exception cref="RequestRejectedException">It could be something else.</exception>
    private JsonObject Arguments(FunctionBody function)
    {
        var schema = Parameters(function);
        if (!s_composed.Any(schema.ContainsKey)) schema.TryAdd("type", "object");
        return schema["type"] is JsonValue type && type.TryGetValue<string>(out var name) && name == "object" ? schema
            : throw RequestRejectedException.At(PlaceOf(function.Name!), "is not of type object");
    }

    private static JsonObject Parameters(FunctionBody function) =>
        function.Parameters is { } schema ? JsonObject.Create(schema.Value)!
        : new() { ["type"] = "object", ["properties"] = new JsonObject() };

    private static JsonObject Json(FunctionBody function)
    {
        var json = new JsonObject { ["name"] = function.Name };
        if (function.Description is { } description) json["description"] = description;
        json["parameters"] = Parameters(function);
        return json;
    }
}
