using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>
/// Reads Hugging Face's <c>tokenizer.json</c>, as far as it describes byte-level BPE, and <c>tokenizer_config.json</c>: which tokens begin
/// and end a document, and what it says of added tokens. Whatever it does not understand it names and refuses.
/// </summary>
/// <param name="source">The file's name, for messages.</param>
internal sealed class TokenizerJsonReader(string source) : JsonMembers(source)
{
    /// <exception cref="BtxException">Not JSON, malformed, inconsistent, or a feature that is not supported.</exception>
    public static TokenizerDefinition Read(ReadOnlyMemory<byte> json, string source) =>
        Parse(json, source, root => new TokenizerJsonReader(source).Definition(root));

    /// <summary>Adds to <paramref name="definition"/> what the configuration says.</summary>
    public static TokenizerDefinition ApplyConfig(TokenizerDefinition definition, ReadOnlyMemory<byte> json, string source) =>
        Parse(json, source,
        root => new TokenizerJsonReader(source).Config(root, definition) with { ConfigJson = Encoding.UTF8.GetString(json.Span) });

    private TokenizerDefinition Definition(JsonElement root)
    {
        var model = Object(root, "model") ?? throw Problem("model is missing");
        RefuseModelFeatures(model);
        var vocabulary = Vocabulary(model);
        var bos = Object(root, "post_processor") is { } processor ? Bos(processor) : null;
        if (Object(root, "decoder") is { } decoder && Type(decoder, "decoder") is var kind and not "ByteLevel")
            throw Unsupported("decoder", kind);
        var steps = new List<NormalizerStep>();
        if (Object(root, "normalizer") is { } normalizer) AddNormalizer(normalizer, steps);
        return new(vocabulary, Merges(model, vocabulary), AddedTokens(root),
            Pattern(Object(root, "pre_tokenizer") ?? throw Problem("pre_tokenizer is missing; only byte-level BPE is supported")),
            steps.Count == 0 ? null : new TextNormalizer(steps), Flag(model, "ignore_merges"), BosToken: bos, AddBos: bos is not null);
    }

    private void RefuseModelFeatures(JsonElement model)
    {
        if (Text(model, "type") is { } type and not "BPE") throw Unsupported("model.type", type);
        foreach (var name in new[] { "unk_token", "continuing_subword_prefix", "end_of_word_suffix" })
        {
            // With a token for every byte nothing is ever unknown, but a named unknown token says that the vocabulary is of another kind.
            if (Text(model, name) is { Length: > 0 } value && !(name == "unk_token" && value.StartsWith("<|", StringComparison.Ordinal)))
                throw Unsupported($"model.{name}", value);
        }

        if (Flag(model, "byte_fallback")) throw Unsupported("model.byte_fallback", "true");
        if (model.TryGetProperty("dropout", out var dropout) && dropout.ValueKind == JsonValueKind.Number && dropout.GetDouble() != 0)
            throw Unsupported("model.dropout", dropout.GetRawText());
    }

    private Dictionary<string, int> Vocabulary(JsonElement model)
    {
        var vocabulary = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var entry in (Object(model, "vocab") ?? throw Problem("model.vocab is missing")).EnumerateObject())
        {
            if (entry.Value.ValueKind != JsonValueKind.Number || !entry.Value.TryGetInt32(out var id))
                throw Problem($"the id of token {Quote(entry.Name)} is not a whole number");
            if (!vocabulary.TryAdd(entry.Name, id)) throw Problem($"token {Quote(entry.Name)} is listed twice");
        }

        return vocabulary;
    }

    private List<(int, int, int)> Merges(JsonElement model, Dictionary<string, int> vocabulary)
    {
        var merges = Array(model, "merges") ?? throw Problem("model.merges is missing");
        var rules = new List<(int, int, int)>(merges.GetArrayLength());
        foreach (var merge in merges.EnumerateArray())
        {
            var (left, right) = Pair(merge, rules.Count);
            rules.Add((Id(left), Id(right), Id(left + right)));
        }

        return rules;

        int Id(string token) => vocabulary.TryGetValue(token, out var id) ? id
            : throw Problem($"merge {rules.Count} needs token {Quote(token)}, which is not in the vocabulary");
    }

    // "left right", or since 2024 ["left", "right"].
    private (string Left, string Right) Pair(JsonElement merge, int index)
    {
        string[] parts = merge.ValueKind == JsonValueKind.String ? merge.GetString()!.Split(' ')
            : merge.ValueKind != JsonValueKind.Array ? []
            : [.. merge.EnumerateArray().Select(part => part.ValueKind == JsonValueKind.String ? part.GetString()! : "")];
        return parts is [{ Length: > 0 } left, { Length: > 0 } right] ? (left, right)
            : throw Problem($"merge {index} is not a pair of tokens: {Quote(merge.GetRawText())}");
    }

    private List<AddedToken> AddedTokens(JsonElement root)
    {
        var tokens = new List<AddedToken>();
        foreach (var token in Elements(root, "added_tokens"))
        {
            if (token.ValueKind != JsonValueKind.Object || Text(token, "content") is not { } content
                || !token.TryGetProperty("id", out var number) || number.ValueKind != JsonValueKind.Number
                || !number.TryGetInt32(out var id)) throw Problem(
                $"added token {tokens.Count} lacks an id or content: {Quote(token.GetRawText())}");
            tokens.Add(AddedToken(token, id, content));
        }

        return tokens.GroupBy(t => t.Content, StringComparer.Ordinal).FirstOrDefault(g => g.Count() > 1) is { } twice
            ? throw Problem($"added token {Quote(twice.Key)} is listed twice") : tokens;
    }

    private AddedToken AddedToken(JsonElement token, int id, string content) =>
        new(id, content, Flag(token, "special"), Flag(token, "normalized"), Flag(token, "single_word"), Flag(token, "lstrip"),
        Flag(token, "rstrip"));

    // ByteLevel with its own expression, or a Split by a known one followed by ByteLevel.
    private SplitPattern Pattern(JsonElement preTokenizer)
    {
        var type = Type(preTokenizer, "pre_tokenizer");
        if (type == "ByteLevel")
        {
            RefusePrefixSpace(preTokenizer);
            if (preTokenizer.TryGetProperty("use_regex", out _) && !Flag(preTokenizer, "use_regex"))
                throw Unsupported("pre_tokenizer.use_regex", "false, without a Split,");
            return SplitPattern.Gpt2;
        }

        if (type != "Sequence") throw Unsupported("pre_tokenizer", type);
        JsonElement[] parts = [.. Elements(preTokenizer, "pretokenizers")];
        if (parts is [var only] && Type(only, "pre_tokenizer") == "ByteLevel") return Pattern(only);
        if (parts is not [var split, var byteLevel])
            throw Problem($"pre_tokenizer is a sequence of {parts.Length}; expected Split and ByteLevel");
        if (Type(split, "pre_tokenizer") is var first and not "Split") throw Unsupported("pre_tokenizer", first);
        if (Type(byteLevel, "pre_tokenizer") is var second and not "ByteLevel") throw Unsupported("pre_tokenizer", second);
        RefusePrefixSpace(byteLevel);
        if (!byteLevel.TryGetProperty("use_regex", out _) || Flag(byteLevel, "use_regex"))
            throw Unsupported("pre_tokenizer: use_regex after a Split", "true");
        if (Text(split, "behavior") is var behavior and not "Isolated") throw Unsupported("pre_tokenizer.behavior", behavior ?? "");
        if (Flag(split, "invert")) throw Unsupported("pre_tokenizer.invert", "true");
        var expression = Object(split, "pattern") is { } pattern ? Text(pattern, "Regex") : null;
        return SplitPatterns.Parse(expression ?? "") ?? throw Unsupported("pre_tokenizer.pattern", expression ?? "(none)");
    }

    private void RefusePrefixSpace(JsonElement byteLevel)
    {
        if (Flag(byteLevel, "add_prefix_space")) throw Unsupported("pre_tokenizer.add_prefix_space", "true");
    }

    // Unicode forms, replacements of fixed text or by the expressions of TextNormalizer.Own, sequences.
    private void AddNormalizer(JsonElement normalizer, List<NormalizerStep> steps)
    {
        switch (Type(normalizer, "normalizer"))
        {
            case "Sequence":
                foreach (var part in Elements(normalizer, "normalizers")) AddNormalizer(part, steps);
                return;
            case "Replace":
                steps.Add(Replacement(normalizer));
                return;
            case var type:
                steps.Add(UnicodeForm.Names.TryGetValue(type, out var form) ? new UnicodeForm(form)
                    : throw Unsupported("normalizer", type));
                return;
        }
    }

    private Replacement Replacement(JsonElement replace)
    {
        var pattern = Object(replace, "pattern") ?? throw Problem("normalizer Replace has no pattern");
        var content = Text(replace, "content") ?? throw Problem("normalizer Replace has no content");
        if (Text(pattern, "String") is { Length: > 0 } text) return new(text, content);
        var expression = Text(pattern, "Regex");
        foreach (var known in new[] { Tokens.Replacement.LineEnds, Tokens.Replacement.Controls })
            if (expression == known && new Replacement(known) is var step && step.Content == content) return step;
        throw Unsupported("normalizer Replace", pattern.GetRawText());
    }

    // The token that a post_processor puts before the text, or null: ByteLevel (offsets only), or a template.
    private string? Bos(JsonElement processor)
    {
        switch (Type(processor, "post_processor"))
        {
            case "ByteLevel":
                return null;
            case "TemplateProcessing":
                return Template(processor);
            case "Sequence":
                string[] found = [.. Elements(processor, "processors").Select(Bos).OfType<string>()];
                return found.Length > 1 ? throw Unsupported("post_processor", "two templates") : found.FirstOrDefault();
            case var other:
                throw Unsupported("post_processor", other);
        }
    }

    private string? Template(JsonElement template)
    {
        string? bos = null;
        var text = false;
        foreach (var part in Elements(template, "single"))
        {
            if (part.ValueKind != JsonValueKind.Object)
                throw Problem($"post_processor.single holds {Quote(part.GetRawText())}; expected objects");
            if (Object(part, "Sequence") is not null)
            {
                text = true;
                continue;
            }

            var token = Object(part, "SpecialToken") is { } special ? Text(special, "id") : null;
            if (token is null || bos is not null || text)
                throw Unsupported("post_processor.single", template.GetProperty("single").GetRawText());
            bos = token;
        }

        return text ? bos : throw Problem("post_processor.single has no place for the text");
    }

    private TokenizerDefinition Config(JsonElement root, TokenizerDefinition definition)
    {
        var saysBos = root.TryGetProperty("add_bos_token", out var flag) && flag.ValueKind != JsonValueKind.Null;
        if (Flag(root, "add_eos_token")) throw Unsupported("add_eos_token", "true");
        return definition with
        {
            AddedTokens = AddedTokens(root, definition.AddedTokens),
            BosToken = Token(root, "bos_token") ?? definition.BosToken,
            EosToken = Token(root, "eos_token"),
            AddBos = saysBos ? Flag(root, "add_bos_token") : definition.AddBos,
            ConfigTemplate = ChatTemplate(root),
        };
    }

    // A text, or a list of templates with names, of which "default" is for chats.
    private string? ChatTemplate(JsonElement root) =>
        root.TryGetProperty("chat_template", out var named) && named.ValueKind == JsonValueKind.Array
            ? named.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.Object && Text(t, "name") == "default")
                .Select(t => Text(t, "template")).FirstOrDefault()
            : Text(root, "chat_template");

    // As in Hugging Face: a token that tokenizer.json lacks is added, and of one that it has these flags count.
    private List<AddedToken> AddedTokens(JsonElement root, IReadOnlyList<AddedToken> known)
    {
        var tokens = new OrderedDictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach (var token in known) tokens.Add(token.Content, token);
        foreach (var entry in Object(root, "added_tokens_decoder")?.EnumerateObject() ?? default)
        {
            if (!int.TryParse(entry.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || entry.Value.ValueKind != JsonValueKind.Object || Text(entry.Value, "content") is not { } content)
                throw Problem($"added_tokens_decoder: {Quote(entry.Name)} is no id with a content");
            var token = AddedToken(entry.Value, id, content);
            if (!entry.Value.TryGetProperty("normalized", out _)) token = token with { Normalized = !token.Special };
            if (tokens.TryGetValue(content, out var same) && same.Id != id)
                throw Problem($"added_tokens_decoder: {Quote(content)} has id {id}, but {same.Id} elsewhere");
            tokens[content] = token;
        }

        return [.. tokens.Values];
    }

    // "<|end|>", or an object that describes the token.
    private string? Token(JsonElement root, string name) =>
        root.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Object ? Text(value, "content") : Text(root, name);

    private BtxException Unsupported(string what, string value) =>
        Problem($"{what} {Quote(value)} is not supported; only byte-level BPE in the form of GPT-2, Llama 3 and Qwen is");

    private string Type(JsonElement element, string what) =>
        (element.ValueKind == JsonValueKind.Object ? Text(element, "type") : null) ?? throw Problem($"{what} has no type");
}
