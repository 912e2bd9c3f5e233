using System.Text;
using System.Text.RegularExpressions;
using System.Text.Unicode;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>Brings text from any source into one form: that of <see cref="TextNormalizer.Own"/>, which tokenizers apply to whatever they
/// are given, and a plain layout, which is a matter of documents: no trailing blanks, no runs of empty lines.</summary>
public static class TextCleaner
{
    /// <summary>Bytes as UTF-8, or as Latin-1 if they are not UTF-8.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes) => (Utf8.IsValid(bytes) ? Encoding.UTF8 : Encoding.Latin1).GetString(bytes);

    /// <summary>The normalised text, trimmed, without blanks before a line end and with at most one empty line in a row.</summary>
    public static string Clean(string text)
    {
        var cleaned = new StringBuilder(text.Length);
        var newlines = 0;
        foreach (var c in TextNormalizer.Own.Apply(text))
        {
            if (c == '\n')
            {
                while (cleaned.Length > 0 && cleaned[^1] is ' ' or '\t') cleaned.Length--;
                if (++newlines <= 2) cleaned.Append('\n');
                continue;
            }

            if (c is not (' ' or '\t')) newlines = 0;
            cleaned.Append(c);
        }

        return cleaned.ToString().Trim();
    }
}

/// <summary>How a language marks comments at the head of a file: <c>#</c>; <c>//</c> or <c>/* */</c>; <c>(* *)</c>.</summary>
public enum CommentStyle { None, Hash, Slashes, Parentheses }

/// <summary>Removes the comment block at the head of a source file if it is a licence: thousands of equal copies teach nothing.</summary>
public static partial class LicenceHeader
{
    /// <summary>The text without its leading comments if they speak of copyright or a licence, else the text as it is.</summary>
    public static string Strip(string text, CommentStyle style)
    {
        var comments = style switch
        {
            CommentStyle.Hash => HashComments,
            CommentStyle.Slashes => SlashComments,
            CommentStyle.Parentheses => ParenthesisComments,
            _ => null,
        };
        var end = comments?.Match(text).Length ?? 0;
        return LicenceWords.IsMatch(text.AsSpan(0, end)) ? text[end..].TrimStart('\n') : text;
    }

    [GeneratedRegex(@"\A(?>\s*\n|#[^\n]*(?:\n|\z))*")] private static partial Regex HashComments { get; }
    [GeneratedRegex(@"\A(?>\s*(?=/\*)(?s:.*?)\*/|(?>\s*\n|//[^\n]*(?:\n|\z))*)")] private static partial Regex SlashComments { get; }
    [GeneratedRegex(@"\A(?>\s*\n|(?=\(\*)[^\n]*\*\)[^\S\n]*(?:\n|\z))*")] private static partial Regex ParenthesisComments { get; }
    [GeneratedRegex("(?i)copyright|licen[sc]e|all rights reserved|redistribut|warrant", RegexOptions.CultureInvariant)]
    private static partial Regex LicenceWords { get; }
}
