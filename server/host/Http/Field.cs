using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;
using Google.Protobuf.Reflection;

namespace Btx.Server.Http;

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

    /// <summary>A value that its record left as it came.</summary>
    /// <param name="at">Where it is in the body.</param>
    /// <exception cref="RequestRejectedException">It is something else than <paramref name="read"/> takes.</exception>
    public static T Read<T>(JsonElement value, string at, Func<JsonElement, T> read)
    {
        try
        {
            return read(value);
        }
        catch (FieldException e)
        {
            throw RequestRejectedException.At(at, e.Message);
        }
    }

    public static IReadOnlyList<T> List<T>(JsonElement value, Func<JsonElement, T> entry) =>
        value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray().Select(entry)] : throw Expected(value, "an array");

    /// <summary>An object whose texts are valid and whose fields are given once each, at every depth.</summary>
    public static JsonElement Object(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Expected(value, "an object");
        RequireSound(value);
        return value;
    }

    private static void RequireSound(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) Text(value);
        if (value.ValueKind == JsonValueKind.Array)
            foreach (var entry in value.EnumerateArray()) RequireSound(entry);
        if (value.ValueKind != JsonValueKind.Object) return;
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var field in value.EnumerateObject())
        {
            if (!names.Add(NameOf(field)))
                throw new FieldException($"has the field \"{BtxException.OneLine(field.Name, 100)}\" twice; give it once");
            RequireSound(field.Value);
        }
    }

    private static string NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            throw new FieldException("has a field whose name is not valid UTF-8 or holds half of a surrogate pair");
        }
    }

    /// <summary>Texts, or lists of token ids: one or several.</summary>
    public static IReadOnlyList<Prompt> Prompts(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String) return [new Prompt(Text(value))];
        if (value.ValueKind != JsonValueKind.Array) throw Expected(value, "a string or an array");
        if (value.GetArrayLength() == 0) return [new Prompt("")];
        return value[0].ValueKind switch
        {
            JsonValueKind.Number => [Tokens(value)],
            JsonValueKind.Array => List(value, Tokens),
            _ => List(value, text => new Prompt(Text(text))),
        };
    }

    /// <summary>An object whose names are token ids.</summary>
    public static IReadOnlyDictionary<int, double> NumbersByToken(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Expected(value, "an object of token ids and numbers");
        var numbers = new Dictionary<int, double>();
        foreach (var field in value.EnumerateObject())
        {
            var isId = int.TryParse(field.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id);
            if (!isId || !numbers.TryAdd(id, Number(field.Value)))
                throw new FieldException($"has the name \"{BtxException.OneLine(field.Name, 100)}\"; expected token ids, each once");
        }

        return numbers;
    }

    /// <summary>The message Routing of the protos: the same names, and enum values as model ids spell them.</summary>
    public static V1.Routing Routing(JsonElement value)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Expected(value, "an object");
        var routing = new V1.Routing();
        foreach (var (name, entry) in value.EnumerateObject().Select(field => (field.Name, field.Value)))
        {
            var field = V1.Routing.Descriptor.FindFieldByName(name)
                ?? throw new FieldException($"has the unknown field \"{BtxException.OneLine(name, 100)}\"");
            if (entry.ValueKind == JsonValueKind.Null) continue;
            try
            {
                field.Accessor.SetValue(routing, field.FieldType switch
                {
                    FieldType.Int32 => Integer(entry),
                    FieldType.Double => Number(entry),
                    FieldType.Enum => Named(field.EnumType, Text(entry)),
                    _ => Text(entry),
                });
            }
            catch (FieldException e)
            {
                throw new FieldException($"has {name}, which {e.Message}");
            }
        }

        return routing;
    }

    private static int Named(EnumDescriptor type, string name)
    {
        var prefix = type.Values[0].Name[..^"UNSPECIFIED".Length];
        var names = type.Values.Skip(1).ToDictionary(value => value.Name[prefix.Length..].ToLowerInvariant(), value => value.Number);
        return names.TryGetValue(name, out var number) ? number
            : throw new FieldException($"is \"{BtxException.OneLine(name, 100)}\"; use {string.Join(", ", names.Keys)}");
    }

    private static Prompt Tokens(JsonElement ids) => new Prompt(null, [.. List(ids, id => Integer(id, "holds"))]);

    // Quoted as it was written: the text of a string need not be valid.
    public static FieldException Expected(JsonElement value, string expected, string verb = "is")
    {
        var raw = JsonMarshal.GetRawUtf8Value(value);
        var quote = BtxException.OneLine(Encoding.UTF8.GetString(raw[..Math.Min(raw.Length, 400)]), 100);
        return new($"{verb} {quote}; expected {expected}");
    }
}
