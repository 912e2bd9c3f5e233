using System.Net;
using System.Text;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>The running text of an HTML page: tags out, entities decoded, blocks on lines of their own, preformatted text kept.</summary>
public static class HtmlText
{
    private static readonly HashSet<string> Blocks =
        ["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "pre", "br", "dt", "dd", "table", "section", "ul", "ol", "title"];

    private static readonly HashSet<string> Skipped = ["script", "style", "nav", "header", "footer", "aside", "noscript", "head"];

    /// <summary>Text of a page or of a piece of one; tags that do not match are ignored.</summary>
    public static string Convert(string html)
    {
        var text = new StringBuilder(html.Length / 2);
        int skipping = 0, preformatted = 0, at = 0;
        while (at < html.Length)
        {
            var tag = Tag(html, at);
            if (skipping == 0 && tag > at) Append(text, WebUtility.HtmlDecode(html[at..tag]), preformatted > 0);
            if (tag == html.Length) break;
            var end = End(html, tag);
            var (name, closing, alone) = Name(html.AsSpan(tag, end - tag));
            at = end;
            if (name.Length == 0) continue;
            if (Skipped.Contains(name)) skipping = closing ? Math.Max(0, skipping - 1) : skipping + (alone ? 0 : 1);
            if (name is "script" or "style" && !closing && !alone) at = RawEnd(html, end, name);
            if (skipping > 0) continue;
            if (name == "pre") preformatted = Math.Max(0, preformatted + (closing ? -1 : 1));
            if (Blocks.Contains(name)) NewLine(text);
            else if (name is "td" or "th") Append(text, " ", false);
        }

        return text.ToString();
    }

    /// <summary>The part of a page after the tag that holds <paramref name="start"/> and before
    /// <paramref name="end"/>; the page if it has no such tag.</summary>
    public static string Between(string html, string start, string end)
    {
        var from = html.IndexOf(start, StringComparison.Ordinal);
        if (from < 0) return html;
        from = html.IndexOf('>', from);
        if (from < 0) return "";
        var to = html.IndexOf(end, from, StringComparison.Ordinal);
        return to < 0 ? html[(from + 1)..] : html[(from + 1)..to];
    }

    // A '<' that no letter, '/', '!' or '?' follows is a character.
    private static int Tag(string html, int from)
    {
        for (var at = html.IndexOf('<', from); at >= 0; at = html.IndexOf('<', at + 1))
        {
            if (at + 1 < html.Length && (char.IsAsciiLetter(html[at + 1]) || html[at + 1] is '/' or '!' or '?')) return at;
        }

        return html.Length;
    }

    private static int End(string html, int tag)
    {
        if (string.CompareOrdinal(html, tag, "<!--", 0, 4) == 0)
        {
            var close = html.IndexOf("-->", tag + 4, StringComparison.Ordinal);
            return close < 0 ? html.Length : close + 3;
        }

        var quote = '\0';
        for (var i = tag + 1; i < html.Length; i++)
        {
            var c = html[i];
            if (quote != '\0')
            {
                if (c == quote) quote = '\0';
            }
            else if (c is '"' or '\'' && html[i - 1] == '=')
            {
                quote = c;
            }
            else if (c == '>')
            {
                return i + 1;
            }
        }

        return html.Length;
    }

    private static (string Name, bool Closing, bool Alone) Name(ReadOnlySpan<char> tag)
    {
        tag = tag.TrimStart('<').TrimEnd('>');
        var closing = tag.StartsWith("/");
        var alone = tag.EndsWith("/");
        tag = tag.Trim('/');
        var length = 0;
        while (length < tag.Length && char.IsAsciiLetterOrDigit(tag[length])) length++;
        return (tag[..length].ToString().ToLowerInvariant(), closing, alone);
    }

    private static int RawEnd(string html, int from, string name)
    {
        var close = html.IndexOf($"</{name}", from, StringComparison.OrdinalIgnoreCase);
        return close < 0 ? html.Length : close;
    }

    private static void Append(StringBuilder text, string data, bool preformatted)
    {
        if (preformatted)
        {
            text.Append(data);
            return;
        }

        foreach (var c in data)
        {
            if (!char.IsWhiteSpace(c)) text.Append(c);
            else if (text.Length > 0 && text[^1] is not (' ' or '\n')) text.Append(' ');
        }
    }

    private static void NewLine(StringBuilder text)
    {
        while (text.Length > 0 && text[^1] == ' ') text.Length--;
        text.Append('\n');
    }
}
