using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>
/// Writes <c>tokenizer.json</c> in Hugging Face's form. The same definition gives the same bytes.
/// </summary>
/// <remarks>
/// Hugging Face does not read the ids of added tokens: one that model.vocab lacks gets the next
/// id after the vocabulary. So added tokens that do
/// not follow the vocabulary one by one are written into it, too. What is hashed leaves them out in
/// either case: where a file lists a token does not
/// matter, and a tokenizer that an earlier version wrote, which listed them in added_tokens alone, keeps its hash.
/// </remarks>
internal static class TokenizerJsonWriter
{
    public static void Write(TokenizerDefinition definition, Stream stream) => Write(definition, stream, toHash: false);

    /// <summary>What a tokenizer's hash is of.</summary>
    public static void WriteToHash(TokenizerDefinition definition, Stream stream) => Write(definition, stream, toHash: true);

    private static void Write(TokenizerDefinition definition, Stream stream, bool toHash)
    {
        using var w = new Utf8JsonWriter(stream,
            new JsonWriterOptions { Indented = !toHash, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        w.WriteStartObject();
        w.WriteString("version", "1.0");
        w.WriteNull("truncation");
        w.WriteNull("padding");
        w.WriteStartArray("added_tokens");
        foreach (var token in definition.AddedTokens.OrderBy(t => t.Id)) WriteAdded(w, token);
        w.WriteEndArray();
        w.WritePropertyName("normalizer");
        NormalizerJson.Write(w, definition.Normalizer);

        w.WritePropertyName("pre_tokenizer");
        PreTokenizerJson.Write(w, definition.Pattern);
        w.WritePropertyName("post_processor");
        var bos = definition.AddBos ? definition.BosToken : null;
        PostProcessorJson.Write(w, bos, bos is null ? null : definition.IdOf(bos));
        w.WritePropertyName("decoder");
        PreTokenizerJson.WriteByteLevel(w, useRegex: true);
        WriteModel(w, definition, Listed(definition, toHash));
        w.WriteEndObject();
    }

    private static IEnumerable<KeyValuePair<string, int>> Listed(TokenizerDefinition definition, bool toHash)
    {
        var added = definition.AddedTokens.ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        var own = definition.Vocabulary.Where(e => !added.ContainsKey(e.Key)).ToList();
        var following = own.All(e => e.Value < own.Count)
            && added.Values.Order().Select((id, i) => id - i).All(first => first == own.Count);
        return following ? definition.Vocabulary : toHash ? own : own.Concat(added);
    }

    private static void WriteModel(Utf8JsonWriter w, TokenizerDefinition definition, IEnumerable<KeyValuePair<string, int>> vocabulary)
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
        foreach (var (token, id) in vocabulary.OrderBy(e => e.Value)) w.WriteNumber(token, id);

        w.WriteEndObject();
        w.WriteStartArray("merges");
        var tokens = definition.Vocabulary.ToDictionary(e => e.Value, e => e.Key);
        foreach (var (left, right, _) in definition.Merges) w.WriteStringValue($"{tokens[left]} {tokens[right]}");
        w.WriteEndArray();
        w.WriteEndObject();
    }

    private static void WriteAdded(Utf8JsonWriter w, AddedToken token)
    {
        w.WriteStartObject();
        w.WriteNumber("id", token.Id);
        w.WriteString("content", token.Content);
        w.WriteBoolean("single_word", token.SingleWord);
        w.WriteBoolean("lstrip", token.StripLeft);
        w.WriteBoolean("rstrip", token.StripRight);
        w.WriteBoolean("normalized", token.Normalized);
        w.WriteBoolean("special", token.Special);
        w.WriteEndObject();
    }
}
