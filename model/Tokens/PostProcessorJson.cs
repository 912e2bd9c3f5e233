using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>The <c>post_processor</c> member: <c>ByteLevel</c> (offsets only), or a template that puts
/// the document's start before the text.</summary>
internal static class PostProcessorJson
{
    /// <summary>The token that is put before the text, or null.</summary>
    public static string? ReadBos(TokenizerJson json, JsonElement? postProcessor)
    {
        if (postProcessor is not { } p) return null;
        switch (json.Type(p, "post_processor"))
        {
            case "ByteLevel":
                return null;
            case "TemplateProcessing":
                return ReadTemplate(json, p);
            case "Sequence":
                string? bos = null;
                foreach (var part in json.Array(p, "processors")?.EnumerateArray() ?? default)
                {
                    if (ReadBos(json, part) is not { } found) continue;
                    if (bos is not null) throw json.Unsupported("post_processor", "two templates");
                    bos = found;
                }

                return bos;
            case var other:
                throw json.Unsupported("post_processor", other);
        }
    }

    public static void Write(Utf8JsonWriter w, string? bos, int? bosId)
    {
        if (bos is null || bosId is null)
        {
            PreTokenizerJson.WriteByteLevel(w, useRegex: true);
            return;
        }

        w.WriteStartObject();
        w.WriteString("type", "TemplateProcessing");
        foreach (var (name, sequences) in new[] { ("single", new[] { "A" }), ("pair", ["A", "B"]) })
        {
            w.WriteStartArray(name);
            for (var i = 0; i < sequences.Length; i++)
            {
                WritePart(w, "SpecialToken", bos, i);
                WritePart(w, "Sequence", sequences[i], i);
            }

            w.WriteEndArray();
        }

        w.WriteStartObject("special_tokens");
        w.WriteStartObject(bos);
        w.WriteString("id", bos);
        w.WriteStartArray("ids");
        w.WriteNumberValue(bosId.Value);
        w.WriteEndArray();
        w.WriteStartArray("tokens");
        w.WriteStringValue(bos);
        w.WriteEndArray();
        w.WriteEndObject();
        w.WriteEndObject();
        w.WriteEndObject();
    }

    private static void WritePart(Utf8JsonWriter w, string kind, string id, int type)
    {
        w.WriteStartObject();
        w.WriteStartObject(kind);
        w.WriteString("id", id);
        w.WriteNumber("type_id", type);
        w.WriteEndObject();
        w.WriteEndObject();
    }

    private static string? ReadTemplate(TokenizerJson json, JsonElement template)
    {
        string? bos = null;
        var text = false;
        foreach (var part in json.Array(template, "single")?.EnumerateArray() ?? default)
        {
            if (part.ValueKind != JsonValueKind.Object)
                throw new BtxException($"{json.Source}: post_processor.single holds "
                    + $"{TokenizerDefinition.Quote(part.GetRawText())}; expected objects");
            if (json.Object(part, "Sequence") is not null)
            {
                text = true;
                continue;
            }

            var token = json.Object(part, "SpecialToken") is { } special ? json.Text(special, "id") : null;
            if (token is null || bos is not null || text)
                throw json.Unsupported("post_processor.single", template.GetProperty("single").GetRawText());
            bos = token;
        }

        return text ? bos : throw new BtxException($"{json.Source}: post_processor.single has no place for the text");
    }
}
