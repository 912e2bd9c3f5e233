using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Writes <c>tokenizer.json</c> in Hugging Face's form. The same definition gives the same bytes.</summary>
internal static class TokenizerJsonWriter
{
    public static void Write(TokenizerDefinition definition, Stream stream, bool indented)
    {
        using var w = new Utf8JsonWriter(stream, new JsonWriterOptions { Indented = indented, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        w.WriteStartObject();
        w.WriteString("version", "1.0");
        w.WriteNull("truncation");
        w.WriteNull("padding");
        w.WriteStartArray("added_tokens");
        foreach (var token in definition.AddedTokens.OrderBy(t => t.Id)) WriteAdded(w, token);
        w.WriteEndArray();
        w.WritePropertyName("normalizer");
        if (definition.NormalizeNfc)
        {
            w.WriteStartObject();
            w.WriteString("type", "NFC");
            w.WriteEndObject();
        }
        else
        {
            w.WriteNullValue();
        }

        w.WritePropertyName("pre_tokenizer");
        PreTokenizerJson.Write(w, definition.Pattern);
        w.WritePropertyName("post_processor");
        var bos = definition.AddBos ? definition.BosToken : null;
        PostProcessorJson.Write(w, bos, bos is null ? null : definition.IdOf(bos));
        w.WritePropertyName("decoder");
        PreTokenizerJson.WriteByteLevel(w, useRegex: true);
        WriteModel(w, definition);
        w.WriteEndObject();
    }

    private static void WriteModel(Utf8JsonWriter w, TokenizerDefinition definition)
    {
        w.WriteStartObject("model");
        w.WriteString("type", "BPE");
        w.WriteNull("dropout");
        w.WriteNull("unk_token");
        w.WriteNull("continuing_subword_prefix");
        w.WriteNull("end_of_word_suffix");
        w.WriteBoolean("fuse_unk", false);
        w.WriteBoolean("byte_fallback", false);
        w.WriteBoolean("ignore_merges", definition.IgnoreMerges);
        w.WriteStartObject("vocab");
        var tokens = new Dictionary<int, string>(definition.Vocabulary.Count);
        foreach (var (token, id) in definition.Vocabulary.OrderBy(e => e.Value))
        {
            tokens.Add(id, token);
            w.WriteNumber(token, id);
        }

        w.WriteEndObject();
        w.WriteStartArray("merges");
        foreach (var (left, right, _) in definition.Merges) w.WriteStringValue($"{tokens[left]} {tokens[right]}");
        w.WriteEndArray();
        w.WriteEndObject();
    }

    private static void WriteAdded(Utf8JsonWriter w, AddedToken token)
    {
        w.WriteStartObject();
        w.WriteNumber("id", token.Id);
        w.WriteString("content", token.Content);
        w.WriteBoolean("single_word", false);
        w.WriteBoolean("lstrip", false);
        w.WriteBoolean("rstrip", false);
        w.WriteBoolean("normalized", token.Normalized);
        w.WriteBoolean("special", token.Special);
        w.WriteEndObject();
    }
}
