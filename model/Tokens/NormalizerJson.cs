using System.Text;
using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>The <c>normalizer</c> member: Unicode forms, replacements of fixed text or by the expressions of
/// <see cref="TextNormalizer.Own"/>, sequences.</summary>
internal static class NormalizerJson
{
    private static readonly Dictionary<string, NormalizationForm> Forms = new(StringComparer.Ordinal)
    {
        ["NFC"] = NormalizationForm.FormC,
        ["NFD"] = NormalizationForm.FormD,
        ["NFKC"] = NormalizationForm.FormKC,
        ["NFKD"] = NormalizationForm.FormKD,
    };

    /// <returns>Null where text stays as it is.</returns>
    public static TextNormalizer? Read(TokenizerJson json, JsonElement? normalizer)
    {
        var steps = new List<NormalizerStep>();
        if (normalizer is { } n) Add(json, n, steps);
        return steps.Count == 0 ? null : new TextNormalizer(steps);
    }

    public static void Write(Utf8JsonWriter w, TextNormalizer? normalizer)
    {
        switch (normalizer?.Steps)
        {
            case null:
                w.WriteNullValue();
                return;
            case [var only]:
                WriteStep(w, only);
                return;
            case var steps:
                w.WriteStartObject();
                w.WriteString("type", "Sequence");
                w.WriteStartArray("normalizers");
                foreach (var step in steps) WriteStep(w, step);
                w.WriteEndArray();
                w.WriteEndObject();
                return;
        }
    }

    private static void Add(TokenizerJson json, JsonElement normalizer, List<NormalizerStep> steps)
    {
        switch (json.Type(normalizer, "normalizer"))
        {
            case "Sequence":
                foreach (var part in json.Array(normalizer, "normalizers")?.EnumerateArray() ?? default) Add(json, part, steps);
                return;
            case "Replace":
                steps.Add(Replacement(json, normalizer));
                return;
            case var type:
                steps.Add(Forms.TryGetValue(type, out var form) ? new UnicodeForm(form) : throw json.Unsupported("normalizer", type));
                return;
        }
    }

    private static Replacement Replacement(TokenizerJson json, JsonElement replace)
    {
        var pattern = json.Object(replace, "pattern") ?? throw new BtxException($"{json.Source}: normalizer Replace has no pattern");
        var content = json.Text(replace, "content") ?? throw new BtxException($"{json.Source}: normalizer Replace has no content");
        if (json.Text(pattern, "String") is { Length: > 0 } text) return new(text, content);
        var expression = json.Text(pattern, "Regex");
        foreach (var known in new[] { Tokens.Replacement.LineEnds, Tokens.Replacement.Controls })
        {
            if (expression == known && new Replacement(known) is var step && step.Content == content) return step;
        }

        throw json.Unsupported("normalizer Replace", pattern.GetRawText());
    }

    private static void WriteStep(Utf8JsonWriter w, NormalizerStep step)
    {
        w.WriteStartObject();
        if (step is Replacement replacement)
        {
            w.WriteString("type", "Replace");
            w.WriteStartObject("pattern");
            w.WriteString(replacement.IsExpression ? "Regex" : "String", replacement.Pattern);
            w.WriteEndObject();
            w.WriteString("content", replacement.Content);
        }
        else
        {
            w.WriteString("type", Forms.Single(f => step is UnicodeForm form && form.Form == f.Value).Key);
        }

        w.WriteEndObject();
    }
}
