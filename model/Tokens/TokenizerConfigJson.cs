using System.Globalization;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Reads and writes <c>tokenizer_config.json</c>: which tokens begin and end a
/// document, and what it says of added tokens.</summary>
internal static class TokenizerConfigJson
{
    /// <summary>Adds to <paramref name="definition"/> what the configuration says.</summary>
    public static TokenizerDefinition Apply(TokenizerDefinition definition, ReadOnlyMemory<byte> json, string source)
    {
        if (json.Span.StartsWith("\uFEFF"u8)) json = json[3..];
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object) throw new BtxException($"{source}: not a JSON object");
            var reader = new TokenizerJson(source);
            var bos = Token(reader, root, "bos_token") ?? definition.BosToken;
            var addBos = root.TryGetProperty("add_bos_token", out var flag) && flag.ValueKind != JsonValueKind.Null
                ? reader.Flag(root, "add_bos_token")
                : definition.AddBos;
            if (reader.Flag(root, "add_eos_token")) throw reader.Unsupported("add_eos_token", "true");
            return definition with
            {
                AddedTokens = AddedTokens(reader, root, definition.AddedTokens),
                BosToken = bos,
                EosToken = Token(reader, root, "eos_token"),
                AddBos = addBos,
                ConfigJson = System.Text.Encoding.UTF8.GetString(json.Span),
            };
        }
        catch (JsonException e)
        {
            throw new BtxException($"{source}: not valid JSON ({e.Message.ReplaceLineEndings(" ")})", e);
        }
        catch (InvalidOperationException e)
        {
            throw new BtxException($"{source}: a string is not valid Unicode ({e.Message.ReplaceLineEndings(" ")})", e);
        }
    }

    public static void Write(TokenizerDefinition definition, Stream stream)
    {
        if (definition.ConfigJson is { } json)
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(json));
            return;
        }

        using var w = new Utf8JsonWriter(stream,
            new JsonWriterOptions { Indented = true, Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        w.WriteStartObject();
        w.WriteBoolean("add_bos_token", definition.AddBos);
        w.WriteString("bos_token", definition.BosToken);
        w.WriteBoolean("clean_up_tokenization_spaces", false);
        w.WriteString("eos_token", definition.EosToken);
        w.WriteString("pad_token", definition.EosToken);
        w.WriteString("tokenizer_class", "PreTrainedTokenizerFast");
        w.WriteEndObject();
    }

    // As in Hugging Face: a token that tokenizer.json lacks is added, and of one that it has these flags count.
    private static List<AddedToken> AddedTokens(TokenizerJson reader, JsonElement root, IReadOnlyList<AddedToken> known)
    {
        var tokens = new OrderedDictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in known) tokens.Add(token.Content, token);
        foreach (var entry in reader.Object(root, "added_tokens_decoder")?.EnumerateObject() ?? default)
        {
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || entry.Value.ValueKind != JsonValueKind.Object || reader.Text(entry.Value, "content") is not { } content)
                throw new BtxException($"{reader.Source}: added_tokens_decoder: "
                    + $"{TokenizerDefinition.Quote(entry.Name)} is no id with a content");
            var token = TokenizerJsonReader.ReadAddedToken(reader, entry.Value, id, content);
            if (!entry.Value.TryGetProperty("normalized", out _)) token = token with { Normalized = !token.Special };
            if (tokens.TryGetValue(content, out var same) && same.Id != id)
                throw new BtxException($"{reader.Source}: added_tokens_decoder: "
                    + $"{TokenizerDefinition.Quote(content)} has id {id}, but {same.Id} elsewhere");
            tokens[content] = token;
        }

        return [.. tokens.Values];
    }

    // "<|end|>", or an object that describes the token.
    private static string? Token(TokenizerJson reader, JsonElement root, string name)
    {
        if (root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object) return reader.Text(value, "content");
        return reader.Text(root, name);
    }
}
