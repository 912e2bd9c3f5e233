using System.Net;
using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>The running text of an HTML page: tags out, entities decoded, blocks on lines of their own, preformatted text kept.</summary>
public static partial class HtmlText
{
    private static readonly HashSet<string> Blocks =
        ["p", "div", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "pre", "br", "dt", "dd", "table", "section", "ul", "ol", "title"];

    private static readonly HashSet<string> Skipped = ["script", "style", "nav", "header", "footer", "aside", "noscript", "head"];

    /// <summary>Every page of a folder tree.</summary>
    /// <param name="text">Makes text of a page, as <see cref="HelpPage"/> does.</param>
    public static IEnumerable<CorpusDocument> Read(string root, Func<string, string> text) =>
        SourceFiles.Read(root, ".html").Select(d => d with { Text = text(d.Text) });

    /// <summary>A page of LibreOffice's help: the text between its display area and its search frame.</summary>
    public static string HelpPage(string page) =>
        Convert(DisplayArea.Match(page) is { Success: true } area ? area.Groups["text"].Value : page);

    /// <summary>A page of PostgreSQL's manual without its lines of navigation.</summary>
    public static string ManualPage(string page) => Navigation.Replace(Convert(page), "");

    /// <summary>Text of a page or of a piece of one; tags that do not match are ignored.</summary>
    public static string Convert(string html)
    {
        var text = new StringBuilder(html.Length / 2);
        int skipping = 0, preformatted = 0, at = 0;
        while (at < html.Length)
        {
            var tag = Tag.Match(html, at);
            if (skipping == 0) Append(text, WebUtility.HtmlDecode(html[at..(tag.Success ? tag.Index : html.Length)]), preformatted > 0);
            if (!tag.Success) break;
            at = tag.Index + tag.Length;
            var name = tag.Groups["name"].Value.ToLowerInvariant();
            if (name.Length == 0) continue;
            var closing = tag.Groups["close"].Length > 0;
            var opening = !closing && !tag.ValueSpan.TrimEnd('>').EndsWith("/");
            if (Skipped.Contains(name)) skipping = closing ? Math.Max(0, skipping - 1) : skipping + (opening ? 1 : 0);
            if (opening && name is "script" or "style")
                at = html.IndexOf($"</{name}", at, StringComparison.OrdinalIgnoreCase) is >= 0 and var end ? end : html.Length;
            if (skipping > 0) continue;
            if (name == "pre") preformatted = Math.Max(0, preformatted + (closing ? -1 : 1));
            if (Blocks.Contains(name)) NewLine(text);
            else if (name is "td" or "th") Append(text, " ", false);
        }

        return text.ToString();
    }

    private static void Append(StringBuilder text, string data, bool preformatted)
    {
        foreach (var c in data)
        {
            if (preformatted || !char.IsWhiteSpace(c)) text.Append(c);
            else if (text.Length > 0 && text[^1] is not (' ' or '\n')) text.Append(' ');
        }
    }

    private static void NewLine(StringBuilder text)
    {
        while (text.Length > 0 && text[^1] == ' ') text.Length--;
        text.Append('\n');
    }

    // A comment, or a tag with its attributes' values in quotes. A '<' that no letter, '/', '!' or '?' follows is a character.
    [GeneratedRegex("""
        <(?:!--.*?(?:-->|\z)|(?=[A-Za-z/!?])(?<close>/?)/*(?<name>[A-Za-z0-9]*)(?>[^>=]+|="[^"]*"?|='[^']*'?|=)*>?)
        """, RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Tag { get; }
    [GeneratedRegex("""id="DisplayArea"[^>]*>(?<text>.*?)(?:<div id="SearchFrame"|\z)""", RegexOptions.Singleline)]
    private static partial Regex DisplayArea { get; }
    [GeneratedRegex(@"\n *(?:Prev|Next|Up|Home)\b[^\n]*")] private static partial Regex Navigation { get; }
}
