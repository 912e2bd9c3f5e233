using System.Text.Encodings.Web;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace Btx.Server.Http;

/// <summary>The bodies of requests and answers. Another body is a record of its own and a line here.</summary>
[JsonSerializable(typeof(CompletionBody))]
[JsonSerializable(typeof(Completion))]
[JsonSerializable(typeof(CompletionUsage))]
[JsonSerializable(typeof(OpenAiErrorBody))]
internal sealed partial class BodyJson : JsonSerializerContext
{
    private const int MaxDepth = 16;

    /// <summary>Bodies of requests: a value of another type than the field's is refused.</summary>
    public static readonly BodyJson Requests = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        MaxDepth = MaxDepth,
        Converters =
        {
            new Field<bool>(Field.Boolean), new Field<int>(value => Field.Integer(value)), new Field<long>(Field.Long),
            new Field<double>(Field.Number), new Field<string>(Field.Text), new Field<IReadOnlyList<string>>(Field.Texts),
            new Field<Prompt>(Field.Prompt),
        },
    });

    /// <summary>Answers; a message's quotes stay quotes, readable in a terminal.</summary>
    public static readonly BodyJson Answers = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    });

    /// <summary>Reads a body; each refusal names the field and quotes a part of its value.</summary>
    /// <exception cref="RequestRejectedException">A field has another type than its record says, or is given twice.</exception>
    /// <exception cref="JsonException">The body is not JSON, or not valid UTF-8.</exception>
    public static async Task<T> ReadAsync<T>(Stream body, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class
    {
        using var bytes = new MemoryStream();
        await body.CopyToAsync(bytes, cancellation);
        if (!Utf8.IsValid(bytes.GetBuffer().AsSpan(0, (int)bytes.Length))) throw new JsonException("it is not valid UTF-8");
        bytes.Position = 0;
        using var json = JsonDocument.Parse(bytes, new() { MaxDepth = MaxDepth });
        if (Doubled(json.RootElement) is { } doubled)
            throw RequestRejectedException.For(doubled, $"{BtxException.OneLine(doubled, 100)} is given twice; give it once");
        try
        {
            return json.Deserialize(type) ?? throw RequestRejectedException.For("body", "the body is not a JSON object");
        }
        catch (JsonException e)
        {
            var field = e.Path is { Length: > 2 } path ? path[2..] : "body"; // $.field.inner[0]
            if (e is FieldException) throw RequestRejectedException.For(field, $"{field} {e.Message}");
            throw RequestRejectedException.For(field, field == "body" ? "the body is not a JSON object" : $"{field} is not an object");
        }
    }

    /// <summary>The path of a field that an object gives twice; null: none. What is ignored is not looked into.</summary>
    private static string? Doubled(JsonElement value, string prefix = "")
    {
        if (value.ValueKind != JsonValueKind.Object) return null;
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in value.EnumerateObject())
        {
            var path = prefix + NameOf(field);
            if (!seen.Add(path)) return path;
            if (!RequestObject.IsIgnored(path) && Doubled(field.Value, $"{path}.") is { } inner) return inner;
        }

        return null;
    }

    private static string NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            throw RequestRejectedException.For("body", "a field's name is not valid UTF-8 or holds half of a surrogate pair");
        }
    }
}

/// <summary>A value that its field does not take; the message goes behind the field's name.</summary>
internal sealed class FieldException(string message) : JsonException(message);

/// <param name="read">One of <see cref="Field"/>.</param>
internal sealed class Field<T>(Func<JsonElement, T> read) : JsonConverter<T>
{
    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        read(JsonElement.ParseValue(ref reader));

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => throw new NotSupportedException();
}

/// <summary>What the fields of a request take; a <see cref="FieldException"/> says what is wrong with the rest.</summary>
internal static class Field
{
    public static bool Boolean(JsonElement value) =>
        value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Expected(value, "true or false");

    public static int Integer(JsonElement value, string verb = "is") =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number) ? number
            : throw Expected(value, "a whole number of at most 32 bits", verb);

    public static long Long(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) ? number
            : throw Expected(value, "a whole number of at most 64 bits");

    public static double Number(JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number
            : throw Expected(value, "a finite number");

    public static string Text(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.String) throw Expected(value, "a string");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new FieldException("is not valid UTF-8 or holds half of a surrogate pair");
        }
    }

    /// <summary>A string or several.</summary>
    public static IReadOnlyList<string> Texts(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => [Text(value)],
        JsonValueKind.Array => [.. value.EnumerateArray().Select(Text)],
        _ => throw Expected(value, "a string or an array of strings"),
    };

    /// <summary>A text or token ids; also as the only entry of a list.</summary>
    public static Prompt Prompt(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) return new Requests.Prompt(Text(value));
        if (value.ValueKind != JsonValueKind.Array) throw Expected(value, "a string or an array");
        if (value.GetArrayLength() == 0) return new Requests.Prompt("");
        if (value[0].ValueKind == JsonValueKind.Number) return Tokens(value);
        if (value.GetArrayLength() > 1) throw new FieldException($"holds {value.GetArrayLength()} prompts; send one request for each");
        return value[0].ValueKind == JsonValueKind.Array ? Tokens(value[0]) : new Requests.Prompt(Text(value[0]));
    }

    private static Prompt Tokens(JsonElement ids) =>
        new Requests.Prompt(null, [.. ids.EnumerateArray().Select(id => Integer(id, "holds"))]);

    // Quoted as it was written: the text of a string need not be valid.
    private static FieldException Expected(JsonElement value, string expected, string verb = "is")
    {
        var raw = System.Runtime.InteropServices.JsonMarshal.GetRawUtf8Value(value);
        var quote = BtxException.OneLine(Encoding.UTF8.GetString(raw[..Math.Min(raw.Length, 400)]), 100);
        return new($"{verb} {quote}; expected {expected}");
    }
}
