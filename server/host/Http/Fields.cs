using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Btx.Model;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Typed access to the fields of a JSON object; a null field counts as absent.</summary>
internal sealed class Fields
{
    private readonly Dictionary<string, JsonElement> _fields = new(StringComparer.Ordinal);

    /// <param name="known">The fields that there are.</param>
    /// <param name="prefix">Before a field's name in messages.</param>
    /// <exception cref="InvalidRequestException">A field is unknown or given twice.</exception>
    public Fields(JsonElement json, IReadOnlySet<string> known, string prefix = "")
    {
        foreach (var field in json.EnumerateObject())
        {
            var name = Name(field);
            if (!known.Contains(name))
                throw InvalidRequestException.For(prefix + name, $"unknown field \"{prefix}{BtxException.OneLine(name, 100)}\"");
            if (!_fields.TryAdd(name, field.Value))
                throw InvalidRequestException.For(prefix + name, $"{prefix}{name} is given twice; give it once");
        }
    }

    public JsonElement? Get(string name) =>
        _fields.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public string? String(string name) => Get(name) is { } value ? Text(value, name) : null;

    public bool? Boolean(string name) => Get(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        { } other => throw InvalidRequestException.For(name, $"{name} is {Quote(other)}; expected true or false"),
    };

    public double? Number(string name)
    {
        if (Get(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} is {Quote(value)}; expected a finite number");
    }

    public int? Integer(string name) => Get(name) is { } value ? Whole(value, name) : null;

    public long? Long(string name)
    {
        if (Get(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} is {Quote(value)}; expected a whole number of at most 64 bits");
    }

    public static int Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} holds {Quote(value)}; expected a whole number of at most 32 bits");

    public static string Text(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String)
            throw InvalidRequestException.For(name, $"{name} is {Quote(value)}; expected a string");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw InvalidRequestException.For(name, $"{name} is not valid UTF-8 or holds half of a surrogate pair");
        }
    }

    private static string Name(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            throw InvalidRequestException.For("body", "a field's name is not valid UTF-8 or holds half of a surrogate pair");
        }
    }

    // As it was written: the text of a string need not be valid.
    private static string Quote(JsonElement value)
    {
        var raw = JsonMarshal.GetRawUtf8Value(value);
        return BtxException.OneLine(Encoding.UTF8.GetString(raw[..Math.Min(raw.Length, 400)]), 100);
    }
}
