using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>Writes <c>tokenizer.json</c> in Hugging Face's form. The same definition gives the same bytes.</summary>
/// <remarks>Hugging Face does not read the ids of added tokens: one that model.vocab lacks gets the next id after the vocabulary. So added
/// tokens that do not follow the vocabulary one by one are written into it, too. What is hashed leaves them out in either case: where a
/// file lists a token does not matter, and a tokenizer that an earlier version wrote, which listed them in added_tokens alone, keeps its
/// hash.</remarks>
internal static class TokenizerJsonWriter
{
    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly JsonSerializerOptions Indented = new(Compact) { WriteIndented = true };

    /// <param name="toHash">Writes what a tokenizer's hash is of.</param>
    public static void Write(TokenizerDefinition definition, Stream stream, bool toHash)
    {
        var tokens = definition.Vocabulary.ToDictionary(e => e.Value, e => e.Key);
        JsonSerializer.Serialize(stream, new
        {
            version = "1.0",
            truncation = (object?)null,
            padding = (object?)null,
            added_tokens = definition.AddedTokens.OrderBy(t => t.Id).Select(t => new
            {
                id = t.Id,
                content = t.Content,
                single_word = t.SingleWord,
                lstrip = t.StripLeft,
                rstrip = t.StripRight,
                normalized = t.Normalized,
                special = t.Special,
            }),
            normalizer = Normalizer(definition.Normalizer),
            pre_tokenizer = definition.Pattern == SplitPattern.Gpt2 ? ByteLevel(useRegex: true) : new
            {
                type = "Sequence",
                pretokenizers = new[] { Split(SplitPatterns.Expression(definition.Pattern)), ByteLevel(useRegex: false) },
            },
            post_processor = definition.AddBos && definition.BosToken is { } bos && definition.IdOf(bos) is { } id ? Template(bos, id)
                : ByteLevel(useRegex: true),
            decoder = ByteLevel(useRegex: true),
            model = new
            {
                type = "BPE",
                dropout = (object?)null,
                unk_token = (object?)null,
                continuing_subword_prefix = (object?)null,
                end_of_word_suffix = (object?)null,
                fuse_unk = false,
                byte_fallback = false,
                ignore_merges = definition.IgnoreMerges,
                vocab = new OrderedDictionary<string, int>(Listed(definition, toHash).OrderBy(e => e.Value)),
                merges = definition.Merges.Select(m => $"{tokens[m.Left]} {tokens[m.Right]}"),
            },
        }, toHash ? Compact : Indented);
    }

    /// <summary>The <c>tokenizer_config.json</c> as it was read, or what the definition says.</summary>
    public static void WriteConfig(TokenizerDefinition definition, Stream stream)
    {
        if (definition.ConfigJson is { } json) stream.Write(System.Text.Encoding.UTF8.GetBytes(json));
        else JsonSerializer.Serialize(stream, new
        {
            add_bos_token = definition.AddBos,
            bos_token = definition.BosToken,
            clean_up_tokenization_spaces = false,
            eos_token = definition.EosToken,
            pad_token = definition.EosToken,
            tokenizer_class = "PreTrainedTokenizerFast",
        }, Indented);
    }

    public static object? Normalizer(TextNormalizer? normalizer) => normalizer?.Steps switch
    {
        null => null,
        [var only] => Step(only),
        var steps => new { type = "Sequence", normalizers = steps.Select(Step) },
    };

    private static object Step(NormalizerStep step) => step switch
    {
        Replacement { IsExpression: true } r => new { type = "Replace", pattern = new { Regex = r.Pattern }, content = r.Content },
        Replacement r => new { type = "Replace", pattern = new { String = r.Pattern }, content = r.Content },
        _ => new { type = UnicodeForm.Names.Single(f => f.Value == ((UnicodeForm)step).Form).Key },
    };

    private static object ByteLevel(bool useRegex) =>
        new { type = "ByteLevel", add_prefix_space = false, trim_offsets = true, use_regex = useRegex };

    private static object Split(string expression) =>
        new { type = "Split", pattern = new { Regex = expression }, behavior = "Isolated", invert = false };

    // Puts the document's start before a text, and before each of two.
    private static object Template(string bos, int id)
    {
        object Special(int type) => new { SpecialToken = new { id = bos, type_id = type } };
        object Text(string name, int type) => new { Sequence = new { id = name, type_id = type } };
        return new
        {
            type = "TemplateProcessing",
            single = new[] { Special(0), Text("A", 0) },
            pair = new[] { Special(0), Text("A", 0), Special(1), Text("B", 1) },
            special_tokens = new Dictionary<string, object> { [bos] = new { id = bos, ids = new[] { id }, tokens = new[] { bos } } },
        };
    }

    private static IEnumerable<KeyValuePair<string, int>> Listed(TokenizerDefinition definition, bool toHash)
    {
        var added = definition.AddedTokens.ToDictionary(t => t.Content, t => t.Id, StringComparer.Ordinal);
        var own = definition.Vocabulary.Where(e => !added.ContainsKey(e.Key)).ToList();
        var following = own.All(e => e.Value < own.Count) && added.Values.Order().Select((id, i) => id - i)
            .All(first => first == own.Count);
        return following ? definition.Vocabulary : toHash ? own : own.Concat(added);
    }
}
