using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Typed access to the members of one JSON file; every complaint names the file.</summary>
internal sealed class TokenizerJson(string source)
{
    public string Source { get; } = source;

    public BtxException Unsupported(string what, string value) =>
        new($"{Source}: {what} {TokenizerDefinition.Quote(value)} is not supported; only byte-level "
            + "BPE in the form of GPT-2, Llama 3 and Qwen is");

    public JsonElement? Object(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Object, "an object");

    public JsonElement? Array(JsonElement parent, string name) => Member(parent, name, JsonValueKind.Array, "an array");

    public string? Text(JsonElement parent, string name) => Member(parent, name, JsonValueKind.String, "a string")?.GetString();

    public bool Flag(JsonElement parent, string name)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return false;
        return value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean()
            : throw Wrong(name, value, "true or false");
    }

    public string Type(JsonElement element, string what) =>
        (element.ValueKind == JsonValueKind.Object ? Text(element, "type") : null)
        ?? throw new BtxException($"{Source}: {what} has no type");

    private JsonElement? Member(JsonElement parent, string name, JsonValueKind kind, string expected)
    {
        if (!parent.TryGetProperty(name, out var value) || value.ValueKind == JsonValueKind.Null) return null;
        return value.ValueKind == kind ? value : throw Wrong(name, value, expected);
    }

    private BtxException Wrong(string name, JsonElement value, string expected) =>
        new($"{Source}: {name} is {TokenizerDefinition.Quote(value.GetRawText())}; expected {expected}");
}
