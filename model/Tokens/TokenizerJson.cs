using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Typed access to the members of one JSON file; every complaint names the file.</summary>
/// <param name="source">The file's name, for messages.</param>
internal abstract class TokenizerJson(string source)
{
    protected static TokenizerDefinition Parse(ReadOnlyMemory<byte> json, string source, Func<JsonElement, TokenizerDefinition> read)
    {
        try
        {
            using var document = JsonDocument.Parse(json.Span.StartsWith("\uFEFF"u8) ? json[3..] : json);
            return document.RootElement.ValueKind == JsonValueKind.Object ? read(document.RootElement)
                : throw new BtxException($"{source}: not a JSON object");
        }
        catch (JsonException e)
        {
            throw new BtxException($"{source}: not valid JSON ({e.Message.ReplaceLineEndings(" ")})", e);
        }
        catch (InvalidOperationException e)
        {
            // What the JSON reader throws for a string that is no Unicode text.
            throw new BtxException($"{source}: a string is not valid Unicode ({e.Message.ReplaceLineEndings(" ")})", e);
        }
    }

    protected static string Quote(string text) => TokenizerDefinition.Quote(text);

    protected BtxException Problem(string what) => new($"{source}: {what}");

    protected BtxException Unsupported(string what, string value) =>
        Problem($"{what} {Quote(value)} is not supported; only byte-level BPE in the form of GPT-2, Llama 3 and Qwen is");

    protected JsonElement? Object(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Object, "an object");

    protected JsonElement? Array(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Array, "an array");

    protected JsonElement.ArrayEnumerator Elements(JsonElement parent, string name) => Array(parent, name)?.EnumerateArray() ?? default;

    protected string? Text(JsonElement parent, string name) => Member(parent, name, JsonValueKind.String, "a string")?.GetString();

    protected bool Flag(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return false;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(name, value, "true or false");
    }

    protected string Type(JsonElement element, string what) =>
        (element.ValueKind == JsonValueKind.Object ? Text(element, "type") : null) ?? throw Problem($"{what} has no type");

    protected JsonElement? Member(JsonElement parent, string name, JsonValueKind kind, string expected)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == kind ? value : throw Wrong(name, value, expected);
    }

    protected BtxException Wrong(string name, JsonElement value, string expected) =>
        Problem($"{name} is {Quote(value.GetRawText())}; expected {expected}");
}
