using System.Buffers;
using System.Globalization;
using System.Text;

namespace Btx.Model.Tokens;

/// <summary>The split patterns' published expressions, as <c>tokenizer.json</c> spells them.</summary>
internal static class SplitPatterns
{
    public const string Gpt2 = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    public const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    public const string Qwen =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] All = [Gpt2, Llama3, Qwen]; // in the enum's order

    public static SplitPattern? Parse(string expression) =>
        Array.IndexOf(All, expression) is >= 0 and var found ? (SplitPattern)found : null;

    public static string Expression(SplitPattern pattern) => All[(int)pattern];
}

/// <summary>How text is cut into pre-tokens before merging. Each is one published regular expression, matched by
/// <see cref="PreTokenScanner"/>.</summary>
public enum SplitPattern
{
    /// <summary>GPT-2's: a leading space joins letters, digits or symbols. The <c>ByteLevel</c> pre-tokenizer with its own
    /// expression.</summary>
    Gpt2,

    /// <summary>Llama 3's: case-blind contractions, digits in threes, line ends kept together.</summary>
    Llama3,

    /// <summary>Qwen 2 and 3's: Llama 3's with single digits.</summary>
    Qwen,
}

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

/// <summary>Cuts UTF-8 text into pre-tokens: the expressions of <see cref="SplitPatterns"/>, matched by hand over bytes. Their alternatives
/// are tried in order and the first that matches wins, as backtracking engines do. Ours, and not a <c>Regex</c>, because it must take bytes
/// that are no text (each is then a symbol of its own), and because matching dominates the cost of encoding.</summary>
internal readonly ref struct PreTokenScanner(ReadOnlySpan<byte> text, SplitPattern pattern)
{
    private readonly ReadOnlySpan<byte> _text = text;

    /// <summary>The end of the pre-token that starts at <paramref name="start"/> (inside the text); always beyond it.</summary>
    public int End(int start) => pattern == SplitPattern.Gpt2 ? Gpt2(start) : Llama3(start, pattern == SplitPattern.Llama3 ? 3 : 1);

    private int Gpt2(int start)
    {
        var first = _text[start];
        if (first == '\'' && Contraction(start, ignoreCase: false) is var end and > 0) return end;
        var body = first == ' ' && start + 1 < _text.Length ? start + 1 : start;
        var kind = CharacterClasses.At(_text, body, out var length);
        return CharacterClasses.IsWhite(kind) ? White(start) : Run(body + length, kind);
    }

    private int Llama3(int start, int digits)
    {
        if (_text[start] == '\'' && Contraction(start, ignoreCase: true) is var end and > 0) return end;
        var kind = CharacterClasses.At(_text, start, out var length);
        var next = start + length;
        switch (kind)
        {
            case CharacterClass.Letter:
                return Run(next, CharacterClass.Letter);
            case CharacterClass.Number:
                for (var i = 1; i < digits && next < _text.Length; i++)
                {
                    if (CharacterClasses.At(_text, next, out length) != CharacterClass.Number) break;
                    next += length;
                }

                return next;
            case CharacterClass.NewLine:
                return WhiteToLastNewLine(start);
        }

        var following = next < _text.Length ? CharacterClasses.At(_text, next, out length) : CharacterClass.NewLine;
        if (following == CharacterClass.Letter) return Run(next + length, CharacterClass.Letter);
        if (kind == CharacterClass.Other) return NewLines(Run(next, CharacterClass.Other));
        if (kind == CharacterClass.Space && following == CharacterClass.Other && next < _text.Length)
            return NewLines(Run(next + length, CharacterClass.Other));
        return WhiteToLastNewLine(start);
    }

    private int Run(int at, CharacterClass kind)
    {
        while (at < _text.Length && CharacterClasses.At(_text, at, out var length) == kind) at += length;
        return at;
    }

    private int NewLines(int at)
    {
        while (at < _text.Length && _text[at] is (byte)'\r' or (byte)'\n') at++;
        return at;
    }

    // \s*[\r\n]+, else \s+(?!\S), else \s+
    private int WhiteToLastNewLine(int start)
    {
        var last = -1;
        for (var at = start; at < _text.Length;)
        {
            var kind = CharacterClasses.At(_text, at, out var length);
            if (!CharacterClasses.IsWhite(kind)) break;
            at += length;
            if (kind == CharacterClass.NewLine) last = at;
        }

        return last >= 0 ? last : White(start);
    }

    // \s+(?!\S), else \s+: all but the last white character before a word, unless it is the only one.
    private int White(int start)
    {
        int at = start, last = start;
        while (at < _text.Length)
        {
            if (!CharacterClasses.IsWhite(CharacterClasses.At(_text, at, out var length))) return last > start ? last : at;
            last = at;
            at += length;
        }

        return at;
    }

    private int Contraction(int start, bool ignoreCase)
    {
        if (start + 1 >= _text.Length) return 0;
        var one = Fold(_text[start + 1], ignoreCase);
        if (one is (byte)'s' or (byte)'t' or (byte)'m' or (byte)'d') return start + 2;
        if (start + 2 >= _text.Length) return 0;
        var two = Fold(_text[start + 2], ignoreCase);
        if ((one, two) is ((byte)'r', (byte)'e') or ((byte)'v', (byte)'e') or ((byte)'l', (byte)'l')) return start + 3;
        // U+017F, the long s, equals s when case is ignored.
        return ignoreCase && _text[start + 1] == 0xC5 && _text[start + 2] == 0xBF ? start + 3 : 0;
    }

    private static byte Fold(byte b, bool ignoreCase) => ignoreCase && b is >= (byte)'A' and <= (byte)'Z' ? (byte)(b | 0x20) : b;
}
