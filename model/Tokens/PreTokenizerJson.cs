using System.Text.Json;

namespace Btx.Model.Tokens;

/// <summary>The <c>pre_tokenizer</c> member: <c>ByteLevel</c> with its own expression, or a <c>Split</c> by a
/// known one followed by <c>ByteLevel</c>.</summary>
internal static class PreTokenizerJson
{
    public static SplitPattern Read(TokenizerJson json, JsonElement? preTokenizer)
    {
        if (preTokenizer is not { } p) throw new BtxException($"{json.Source}: pre_tokenizer is missing; only byte-level BPE is supported");
        var type = json.Type(p, "pre_tokenizer");
        if (type == "ByteLevel")
        {
            RefusePrefixSpace(json, p);
            if (p.TryGetProperty("use_regex", out _) && !json.Flag(p, "use_regex"))
                throw json.Unsupported("pre_tokenizer.use_regex", "false, without a Split,");
            return SplitPattern.Gpt2;
        }

        if (type != "Sequence") throw json.Unsupported("pre_tokenizer", type);
        var parts = json.Array(p, "pretokenizers")?.EnumerateArray().ToArray() ?? [];
        if (parts is [var only] && json.Type(only, "pre_tokenizer") == "ByteLevel") return Read(json, only);
        if (parts is not [var split, var byteLevel])
            throw new BtxException($"{json.Source}: pre_tokenizer is a sequence of {parts.Length}; expected Split and ByteLevel");
        if (json.Type(split, "pre_tokenizer") is var first and not "Split") throw json.Unsupported("pre_tokenizer", first);
        if (json.Type(byteLevel, "pre_tokenizer") is var second and not "ByteLevel") throw json.Unsupported("pre_tokenizer", second);
        RefusePrefixSpace(json, byteLevel);
        if (!byteLevel.TryGetProperty("use_regex", out _) || json.Flag(byteLevel, "use_regex"))
            throw json.Unsupported("pre_tokenizer: use_regex after a Split", "true");
        if (json.Text(split, "behavior") is var behavior and not "Isolated")
            throw json.Unsupported("pre_tokenizer.behavior", behavior ?? "");
        if (json.Flag(split, "invert")) throw json.Unsupported("pre_tokenizer.invert", "true");
        var expression = json.Object(split, "pattern") is { } pattern ? json.Text(pattern, "Regex") : null;
        return SplitPatterns.Parse(expression ?? "") ?? throw json.Unsupported("pre_tokenizer.pattern", expression ?? "(none)");
    }

    public static void Write(Utf8JsonWriter w, SplitPattern pattern)
    {
        if (pattern == SplitPattern.Gpt2)
        {
            WriteByteLevel(w, useRegex: true);
            return;
        }

        w.WriteStartObject();
        w.WriteString("type", "Sequence");
        w.WriteStartArray("pretokenizers");
        w.WriteStartObject();
        w.WriteString("type", "Split");
        w.WriteStartObject("pattern");
        w.WriteString("Regex", SplitPatterns.Expression(pattern));
        w.WriteEndObject();
        w.WriteString("behavior", "Isolated");
        w.WriteBoolean("invert", false);
        w.WriteEndObject();
        WriteByteLevel(w, useRegex: false);
        w.WriteEndArray();
        w.WriteEndObject();
    }

    public static void WriteByteLevel(Utf8JsonWriter w, bool useRegex)
    {
        w.WriteStartObject();
        w.WriteString("type", "ByteLevel");
        w.WriteBoolean("add_prefix_space", false);
        w.WriteBoolean("trim_offsets", true);
        w.WriteBoolean("use_regex", useRegex);
        w.WriteEndObject();
    }

    private static void RefusePrefixSpace(TokenizerJson json, JsonElement byteLevel)
    {
        if (json.Flag(byteLevel, "add_prefix_space")) throw json.Unsupported("pre_tokenizer.add_prefix_space", "true");
    }
}
