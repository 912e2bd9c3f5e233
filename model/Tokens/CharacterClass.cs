using System.Buffers;
using System.Globalization;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>The distinctions that the split patterns make: \p{L}, \p{N}, \s (line ends and the plain space apart), and all else.</summary>
internal enum CharacterClass : byte
{
    Other,
    Letter,
    Number,
    NewLine,
    Space,
    OtherWhite,
}

internal static class CharacterClasses
{
    private static readonly CharacterClass[] BasicPlane = Build();

    public static bool IsWhite(CharacterClass c) => c >= CharacterClass.NewLine;

    /// <summary>The class of the character at <paramref name="at"/> and its length in bytes. A byte
    /// that is no UTF-8 is <c>Other</c>, alone.</summary>
    public static CharacterClass At(ReadOnlySpan<byte> text, int at, out int length)
    {
        var first = text[at];
        length = 1;
        if (first < 0x80) return BasicPlane[first];
        if (Rune.DecodeFromUtf8(text[at..], out var rune, out var consumed) != OperationStatus.Done) return CharacterClass.Other;
        length = consumed;
        return rune.IsBmp ? BasicPlane[rune.Value] : Classify(rune.Value);
    }

    private static CharacterClass Classify(int codePoint) => CharUnicodeInfo.GetUnicodeCategory(codePoint) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ when codePoint <= char.MaxValue && char.IsWhiteSpace((char)codePoint) => codePoint switch
        {
            '\r' or '\n' => CharacterClass.NewLine,
            ' ' => CharacterClass.Space,
            _ => CharacterClass.OtherWhite,
        },
        _ => CharacterClass.Other,
    };

    private static CharacterClass[] Build()
    {
        var classes = new CharacterClass[char.MaxValue + 1];
        for (var c = 0; c < classes.Length; c++) classes[c] = Classify(c);
        return classes;
    }
}
