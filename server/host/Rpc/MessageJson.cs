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
        catch (Exception e) when (e is InvalidProtocolBufferException or InvalidJsonException or ArgumentException or FormatException
            or OverflowException)
        {
            throw RequestRejectedException.For("body",
                $"the body is not a {new T().Descriptor.Name} in JSON: {BtxException.OneLine(e.Message)}");
        }
    }

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
