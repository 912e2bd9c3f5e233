using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Reads Hugging Face's <c>tokenizer.json</c>, as far as it describes byte-level BPE. Whatever it does
/// not understand it names and refuses.</summary>
internal static class TokenizerJsonReader
{
    /// <param name="source">The file's name, for messages.</param>
    /// <exception cref="BtxException">Not JSON, malformed, inconsistent, or a feature that is not supported.</exception>
    public static TokenizerDefinition Read(ReadOnlyMemory<byte> json, string source)
    {
        if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement, source);
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

    private static TokenizerDefinition Read(JsonElement root, string source)
    {
        if (root.ValueKind != JsonValueKind.Object) throw new BtxException($"{source}: not a JSON object");
        var json = new TokenizerJson(source);
        var model = json.Object(root, "model") ?? throw new BtxException($"{source}: model is missing");
        RefuseModelFeatures(json, model);
        var vocabulary = ReadVocabulary(json, model);
        var bos = PostProcessorJson.ReadBos(json, json.Object(root, "post_processor"));
        if (json.Object(root, "decoder") is { } decoder && json.Type(decoder, "decoder") is var kind and not "ByteLevel")
            throw json.Unsupported("decoder", kind);
        return new TokenizerDefinition
        {
            Vocabulary = vocabulary,
            Merges = ReadMerges(json, model, vocabulary),
            AddedTokens = ReadAddedTokens(json, root),
            Pattern = PreTokenizerJson.Read(json, json.Object(root, "pre_tokenizer")),
            Normalizer = NormalizerJson.Read(json, json.Object(root, "normalizer")),
            IgnoreMerges = json.Flag(model, "ignore_merges"),
            BosToken = bos,
            AddBos = bos is not null,
        };
    }

    private static void RefuseModelFeatures(TokenizerJson json, JsonElement model)
    {
        if (json.Text(model, "type") is { } type and not "BPE") throw json.Unsupported("model.type", type);
        foreach (var name in new[] { "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
        {
            // With a token for every byte nothing is ever unknown, but a named unknown token says that the vocabulary is of another kind.
            if (json.Text(model, name) is { Length: > 0 } value
                && !(name == "unk_token" && value.StartsWith("<|", StringComparison.Ordinal)))
                throw json.Unsupported($"model.{name}", value);
        }

        if (json.Flag(model, "byte_fallback")) throw json.Unsupported("model.byte_fallback", "true");
        if (model.TryGetProperty("dropout", out var dropout) && dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() != 0)
            throw json.Unsupported("model.dropout", dropout.GetRawText());
    }

    private static Dictionary<string, int> ReadVocabulary(TokenizerJson json, JsonElement model)
    {
        var vocab = json.Object(model, "vocab") ?? throw new BtxException($"{json.Source}: model.vocab is missing");
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in vocab.EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id))
                throw new BtxException($"{json.Source}: the id of token {TokenizerDefinition.Quote(entry.Name)} is not a whole number");
            if (!vocabulary.TryAdd(entry.Name, id))
                throw new BtxException($"{json.Source}: token {TokenizerDefinition.Quote(entry.Name)} is listed twice");
        }

        return vocabulary;
    }

    private static List<(int, int, int)> ReadMerges(TokenizerJson json, JsonElement model, Dictionary<string, int> vocabulary)
    {
        if (json.Array(model, "merges") is not { } merges) throw new BtxException($"{json.Source}: model.merges is missing");
        var rules = new List<(int, int, int)>(merges.GetArrayLength());
        foreach (var merge in merges.EnumerateArray())
        {
            var (left, right) = Pair(json, merge, rules.Count);
            rules.Add((Id(left), Id(right), Id(left + right)));
        }

        return rules;

        int Id(string token) => vocabulary.TryGetValue(token, out var id) ? id
            : throw new BtxException($"{json.Source}: merge {rules.Count} needs token "
                + $"{TokenizerDefinition.Quote(token)}, which is not in the vocabulary");
    }

    // "left right", or since 2024 ["left", "right"].
    private static (string Left, string Right) Pair(TokenizerJson json, JsonElement merge, int index)
    {
        if (merge.ValueKind == JsonValueKind.String && merge.GetString()!.Split(' ') is [{ Length: > 0 } l, { Length: > 0 } r])
            return (l, r);
        if (merge.ValueKind == JsonValueKind.Array && merge.GetArrayLength() == 2 && merge[0].ValueKind == JsonValueKind.String
            && merge[1].ValueKind == JsonValueKind.String && merge[0].GetString() is { Length: > 0 } left
            && merge[1].GetString() is { Length: > 0 } right)
            return (left, right);
        throw new BtxException($"{json.Source}: merge {index} is not a pair of tokens: {TokenizerDefinition.Quote(merge.GetRawText())}");
    }

    /// <summary>A token as tokenizer.json and tokenizer_config.json describe one.</summary>
    public static AddedToken ReadAddedToken(TokenizerJson json, JsonElement token, int id, string content) => new(
        id,
        content,
        json.Flag(token, "special"),
        json.Flag(token, "normalized"),
        json.Flag(token, "single_word"),
        json.Flag(token, "lstrip"),
        json.Flag(token, "rstrip"));

    private static List<AddedToken> ReadAddedTokens(TokenizerJson json, JsonElement root)
    {
        var tokens = new List<AddedToken>();
        foreach (var token in json.Array(root, "added_tokens")?.EnumerateArray() ?? default)
        {
            if (token.ValueKind != JsonValueKind.Object || json.Text(token, "content") is not { } content
                || !token.TryGetProperty("id", out var number) || number.ValueKind != JsonValueKind.Number
                || !number.TryGetInt32(out var id))
                throw new BtxException($"{json.Source}: added token {tokens.Count} lacks an id or content: "
                    + $"{TokenizerDefinition.Quote(token.GetRawText())}");
            tokens.Add(ReadAddedToken(json, token, id, content));
        }

        if (tokens.GroupBy(t => t.Content, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice)
            throw new BtxException($"{json.Source}: added token {TokenizerDefinition.Quote(twice.Key)} is listed twice");
        return tokens;
    }
}
