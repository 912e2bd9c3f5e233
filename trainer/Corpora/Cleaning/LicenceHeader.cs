using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>Removes the comment block at the head of a source file if it is a licence: thousands of equal copies teach nothing.</summary>
public static partial class LicenceHeader
{
    /// <summary>The text without its leading comment block if that block speaks of copyright
    /// or a licence, else the text as it is.</summary>
    public static string Strip(string text, CommentStyle style)
    {
        var end = style switch
        {
            CommentStyle.Hash => LeadingLines(text, line => line.StartsWith('#')),
            CommentStyle.Slashes => text.AsSpan().TrimStart().StartsWith("/*")
                ? BlockEnd(text, "*/")
                : LeadingLines(text, line => line.StartsWith("//")),
            CommentStyle.Parentheses => LeadingLines(text, line => line.StartsWith("(*") && line.TrimEnd().EndsWith("*)")),
            _ => 0,
        };
        return end > 0 && LicenceWords().IsMatch(text.AsSpan(0, end)) ? text[end..].TrimStart('\n') : text;
    }

    private static int LeadingLines(string text, LinePredicate isComment)
    {
        var end = 0;
        while (end < text.Length)
        {
            var newline = text.IndexOf('\n', end);
            var next = newline < 0 ? text.Length : newline + 1;
            var line = text.AsSpan(end, next - end).TrimEnd('\n');
            if (!line.IsWhiteSpace() && !isComment(line)) break;
            end = next;
        }

        return end;
    }

    private static int BlockEnd(string text, string close)
    {
        var at = text.IndexOf(close, StringComparison.Ordinal);
        return at < 0 ? 0 : at + close.Length;
    }

    [GeneratedRegex("copyright|licen[sc]e|all rights reserved|redistribut|warrant",
        RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex LicenceWords();

    private delegate bool LinePredicate(ReadOnlySpan<char> line);
}
