using System.Collections;
using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Timestamp = Google.Protobuf.WellKnownTypes.Timestamp;

namespace Btx.Server.Rpc;

/// <summary>A message as JSON for people and scripts: the proto's own field names, numbers as numbers, times in RFC 3339, enums by their
/// names, bytes that are JSON as such. An optional field that is not set is left out.</summary>
internal static class MessageJson
{
    private static readonly JsonSerializerOptions s_line = new() { NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions s_indented = new(s_line) { WriteIndented = true };

    private static readonly JsonParser s_parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(false));

    /// <summary>Ends in a newline.</summary>
    public static string Text(IMessage message, bool indented = true) => Text(Node(message), indented);

    /// <inheritdoc cref="Text(IMessage, bool)"/>
    public static string Text(JsonNode node, bool indented) => node.ToJsonString(indented ? s_indented : s_line) + "\n";

    /// <summary>A message of JSON in the same form; the names of fields may be those of JSON, too: <c>dropMoe</c>.</summary>
    /// <exception cref="RequestRejectedException">It has another form, or unknown fields.</exception>
    public static T Parse<T>(JsonElement json) where T : IMessage<T>, new()
    {
        try
        {
            return s_parser.Parse<T>(json.GetRawText());
        }
        catch (Exception e) when (IsOfJson(e))
        {
            throw RequestRejectedException.For(Wrong(json, new T().Descriptor) ?? "body",
                $"the body is not a {new T().Descriptor.Name} in JSON: {BtxException.OneLine(e.Message)}");
        }
    }

    /// <summary>The field that is unknown, or has a value of another type, as a path; null: the message itself is none.</summary>
    private static string? Wrong(JsonElement json, MessageDescriptor message)
    {
        if (json.ValueKind != JsonValueKind.Object || message.FullName.StartsWith("google.", StringComparison.Ordinal)) return null;
        foreach (var (name, value) in json.EnumerateObject().Select(one => (one.Name, one.Value)))
        {
            var field = message.FindFieldByName(name) ?? message.Fields.InDeclarationOrder().FirstOrDefault(one => one.JsonName == name);
            if (field is null) return BtxException.OneLine(name, 100);
            if (field is { FieldType: FieldType.Message, IsRepeated: false } && Wrong(value, field.MessageType) is { } inner)
                return $"{field.Name}.{inner}";
            try
            {
                s_parser.Parse(new JsonObject { [name] = JsonNode.Parse(value.GetRawText()) }.ToJsonString(), message);
            }
            catch (Exception e) when (IsOfJson(e))
            {
                return field.Name;
            }
        }

        return null;
    }

    private static bool IsOfJson(Exception e) => e is InvalidProtocolBufferException or InvalidJsonException or ArgumentException
        or FormatException or OverflowException;

    public static JsonObject Node(IMessage message) => new(message.Descriptor.Fields.InDeclarationOrder()
        .Where(field => !field.HasPresence || field.Accessor.HasValue(message))
        .Select(field => KeyValuePair.Create(field.Name, Value(field.Accessor.GetValue(message), field))));

    private static JsonNode? Value(object value, FieldDescriptor field) => value switch
    {
        Timestamp time => time.ToDateTimeOffset().ToString("O"),
        IMessage message => Node(message),
        ByteString bytes => bytes.IsEmpty ? null : JsonNode.Parse(bytes.Span),
        string text => text,
        bool flag => flag,
        int number => number,
        long number => number,
        double number => double.IsFinite(number) ? number : null,
        Enum => field.EnumType.FindValueByNumber((int)value)?.Name,
        IDictionary map => new JsonObject(map.Keys.Cast<string>().Select(key => KeyValuePair.Create(key, Value(map[key]!, field)))),
        IEnumerable list => new JsonArray([.. list.Cast<object>().Select(one => Value(one, field))]),
        _ => throw new InvalidOperationException($"a field of type {value.GetType().Name} has no form in JSON"),
    };
}
