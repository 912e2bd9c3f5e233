using System.Text.Json;

namespace Btx.Model.Files;

/// <summary>Typed access to the members of one JSON file that another program wrote. Every complaint names the file; null is as good as
/// unwritten.</summary>
/// <param name="source">The file's name, for messages.</param>
internal abstract class JsonMembers(string source)
{
    /// <exception cref="BtxException">Not a JSON object.</exception>
    protected static T Parse<T>(ReadOnlyMemory<byte> json, string source, Func<JsonElement, T> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? read(document.RootElement)
                : throw new BtxException($"{source}: not a JSON object");
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            throw new BtxException($"{source}: not valid JSON ({BtxException.OneLine(e.Message)})", e);
        }
        catch (InvalidOperationException e)
        {
            throw new BtxException($"{source}: not valid JSON, a string is not valid Unicode ({BtxException.OneLine(e.Message)})", e);
        }
    }

    protected static string Quote(string text) => $"\"{BtxException.OneLine(text, 60)}\"";

    protected BtxException Problem(string what) => new($"{source}: {what}");

    protected BtxException Wrong(string name, JsonElement value, string expected) =>
        Problem($"{name} is {BtxException.OneLine(value.GetRawText(), 60)}; expected {expected}");

    protected JsonElement? Object(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Object, "an object");

    protected JsonElement? Array(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Array, "an array");

    protected JsonElement.ArrayEnumerator Elements(JsonElement parent, string name) => Array(parent, name)?.EnumerateArray() ?? default;

    protected string? Text(JsonElement parent, string name) => Member(parent, name, JsonValueKind.String, "a string")?.GetString();

    protected double? Number(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Number, "a number")?.GetDouble();

    protected int? Int(JsonElement parent, string name)
    {
        const string expected = "a whole number";
        if (Member(parent, name, JsonValueKind.Number, expected) is not { } value) return null;
        return value.TryGetInt32(out var number) ? number : throw Wrong(name, value, expected);
    }

    /// <returns>Unwritten is false.</returns>
    protected bool Flag(JsonElement parent, string name)
    {
        if (Member(parent, name) is not { } value) return false;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(name, value, "true or false");
    }

    protected static JsonElement? Member(JsonElement parent, string name) =>
        parent.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private JsonElement? Member(JsonElement parent, string name, JsonValueKind kind, string expected) =>
        Member(parent, name) is not { } value ? null : value.ValueKind == kind ? value : throw Wrong(name, value, expected);
}
