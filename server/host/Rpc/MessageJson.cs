using System.Text.Encodings.Web;
using Google.Protobuf;
using Google.Protobuf.Reflection;
using Timestamp = Google.Protobuf.WellKnownTypes.Timestamp;

namespace Btx.Server.Rpc;

/// <summary>
/// A message as JSON for people and scripts: the proto's own field names, numbers as numbers, times in RFC 3339, enums by their names,
/// bytes that are JSON as such. An optional field that is not set is left out.
/// </summary>
internal static class MessageJson
{
    private static readonly JsonWriterOptions s_line = new() { NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Ends in a newline.</summary>
    public static string Text(IMessage message, bool indented = true)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, s_line with { Indented = indented })) Write(json, message);
        return Encoding.UTF8.GetString(stream.ToArray()) + "\n";
    }

    public static void Write(Utf8JsonWriter json, IMessage message)
    {
        json.WriteStartObject();
        foreach (var field in message.Descriptor.Fields.InDeclarationOrder())
        {
            if (field.HasPresence && !field.Accessor.HasValue(message)) continue;
            json.WritePropertyName(field.Name);
            Value(json, field, field.Accessor.GetValue(message));
        }

        json.WriteEndObject();
    }

    private static void Value(Utf8JsonWriter json, FieldDescriptor field, object value)
    {
        if (field.IsMap)
        {
            json.WriteStartObject();
            foreach (System.Collections.DictionaryEntry entry in (System.Collections.IDictionary)value)
            {
                json.WritePropertyName((string)entry.Key);
                One(json, entry.Value!);
            }

            json.WriteEndObject();
        }
        else if (field.IsRepeated)
        {
            json.WriteStartArray();
            foreach (var one in (System.Collections.IEnumerable)value) One(json, one);
            json.WriteEndArray();
        }
        else if (field.FieldType == FieldType.Enum)
        {
            json.WriteStringValue(field.EnumType.FindValueByNumber((int)value)?.Name);
        }
        else
        {
            One(json, value);
        }
    }

    private static void One(Utf8JsonWriter json, object value)
    {
        switch (value)
        {
            case Timestamp time: json.WriteStringValue(time.ToDateTimeOffset().ToString("O")); break;
            case IMessage message: Write(json, message); break;
            case ByteString bytes when bytes.IsEmpty: json.WriteNullValue(); break;
            case ByteString bytes:
                using (var document = JsonDocument.Parse(bytes.Memory)) document.WriteTo(json);
                break;
            case string text: json.WriteStringValue(text); break;
            case bool flag: json.WriteBooleanValue(flag); break;
            case int number: json.WriteNumberValue(number); break;
            case long number: json.WriteNumberValue(number); break;
            case double number when double.IsFinite(number): json.WriteNumberValue(number); break;
            case double: json.WriteNullValue(); break;
            default: throw new InvalidOperationException($"a field of type {value.GetType().Name} has no form in JSON");
        }
    }
}
