using System.Globalization;

namespace Btx.Model.Tests.Tokens;

/// <summary>Text that tokenizers are apt to get wrong.</summary>
internal static class AdverseText
{
    private static readonly string[] Pieces =
    [
        " ", "  ", "   ", "\n", "\r\n", "\r", "\t", "\f", "\v", "\0", "\u0007", "\u001b[0m", "\u007f", "\u0085", "\u00a0", "\u00ad",
            "\u2028", "\u2029", "\u3000", "\u200b", "\u200d",
        "\ufeff", "\ufffd", "\ufffe", "\uffff", "\ud83d", "\ude00", "'", "''", "'s", "'S", "'t", "'re", "'VE", "'ll", "'lL", "'d", "'m",
            "don't", "I'm", "'ſ",
        "word", " word", " the", "Donaudampfschiff", "naïve", "e\u0301", "a\u0308\u0323", "a\u0323\u0308", "\u0301", "é", "Å", "Ω",
            "\u1e9b\u0323", "ﬁ", "각", "한", "日本語", "你好，世界", "カタカナ",
        "Привет", "שלום", "مرحبا", "नमस्ते", "ภาษาไทย", "😀", "👍🏽", "👨‍👩‍👧", "🇩🇪", "𝔘𝔫", "𠜎", "½", "Ⅷ", "٣٤", "1", "12", "123",
            "1234567", "3.14", "$9", ".", "...", "?!", "-", "—", "“", "_", "a_b",
        "//", "=====", "def f(x):\n    return x\n", "\t\treturn;\n", "<|", "|>", "<|endoftext", "<|endoftext|>", "<|eot_id|>",
            "<|begin_of_text|>", "<|im_start|>", "<|im_end|>", "<think>", "</think>", "<tool_call>",
        "endoftext", "Ġ", "Ċ", "Ã©", "\\u0041", "C:\\", "https://example.org/?a=b&c",
    ];

    public static string Next(Random random)
    {
        var text = string.Concat(Enumerable.Range(0, random.Next(1, 14)).Select(_ => Piece(random)));
        return random.Next(12) == 0 ? text + string.Concat(Enumerable.Repeat(Piece(random), random.Next(2, 400))) : text;
    }

    private static string Piece(Random random) => random.Next(5) switch
    {
        0 => Character(random),
        _ => Pieces[random.Next(Pieces.Length)],
    };

    // Of any plane. Code points that Unicode has not assigned yet are left out: to an engine
    // that knows another version they may be letters.
    private static string Character(Random random)
    {
        while (true)
        {
            var code = random.Next(4) == 0 ? random.Next(0x110000) : random.Next(0x3000);
            if (code is >= 0xD800 and <= 0xDFFF || CharUnicodeInfo.GetUnicodeCategory(code) == UnicodeCategory.OtherNotAssigned) continue;
            return char.ConvertFromUtf32(code);
        }
    }
}
