using System.Text.Json;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Typed access to the fields of a JSON object; a null field counts as absent.</summary>
internal readonly struct Fields(JsonElement json)
{
    public JsonElement? Get(string name) => json.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;

    public void RefuseUnknown(HashSet<string> known)
    {
        foreach (var field in json.EnumerateObject())
        {
            if (!known.Contains(field.Name)) throw InvalidRequestException.For(field.Name, $"unknown field \"{field.Name}\"");
        }
    }

    public string? String(string name) => Get(name) is { } value ? Text(value, name) : null;

    public bool? Boolean(string name) => Get(name) switch
    {
        null => null,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        var other => throw InvalidRequestException.For(name, $"{name} is {other}; expected true or false"),
    };

    public double? Number(string name)
    {
        if (Get(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} is {value}; expected a finite number");
    }

    public int? Integer(string name) => Get(name) is { } value ? Whole(value, name) : null;

    public long? Long(string name)
    {
        if (Get(name) is not { } value) return null;
        return value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} is {value}; expected a whole number of at most 64 bits");
    }

    public static int Whole(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : throw InvalidRequestException.For(name, $"{name} holds {value}; expected a whole number of at most 32 bits");

    public static string Text(JsonElement value, string name)
    {
        if (value.ValueKind != JsonValueKind.String) throw InvalidRequestException.For(name, $"{name} is {value}; expected a string");
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw InvalidRequestException.For(name, $"{name} is not valid UTF-8 or holds half of a surrogate pair");
        }
    }
}
