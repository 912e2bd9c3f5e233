using System.Security;

namespace Btx.Cli.Charts;

/// <summary>About how wide text is, from above: a picture cannot ask the font.</summary>
internal static class TextWidth
{
    /// <summary>Width of a text at a font size, px.</summary>
    public static double Of(string text, double size) => size * text.EnumerateRunes().Sum(rune => rune.Value switch
    {
        >= 0x1100 => 1.05,
        _ when "ijlI.,:;'|!()[] ftr".Contains((char)rune.Value) => 0.35,
        'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.92,
        >= 'A' and <= 'Z' or '&' or '<' or '>' or '+' or '=' or '_' or '·' => 0.7,
        _ => 0.57,
    });

    /// <summary>The text, or its beginning and end about an ellipsis where it is wider than <paramref name="most"/> px.</summary>
    public static string Fit(string text, double size, double most)
    {
        if (Of(text, size) <= most) return text;
        string[] letters = [.. text.EnumerateRunes().Select(r => r.ToString())];
        for (var kept = letters.Length - 1; kept > 1; kept--)
        {
            var head = ((kept * 2) + 2) / 3;
            var cut = string.Concat(letters[..head]).TrimEnd() + "…" + string.Concat(letters[^(kept - head)..]).TrimStart();
            if (Of(cut, size) <= most) return cut;
        }

        return "…";
    }

    /// <summary>Lines of at most <paramref name="most"/> px, broken between words; a word that is wider is cut.</summary>
    public static IReadOnlyList<string> Wrap(string text, double size, double most)
    {
        var lines = new List<string>();
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            if (lines.Count > 0 && Of($"{lines[^1]} {word}", size) <= most) lines[^1] += " " + word;
            else lines.Add(Fit(word, size, most));
        }

        return lines;
    }
}

/// <summary>Text inside XML and HTML.</summary>
public static class XmlText
{
    /// <summary>Characters that XML forbids become U+FFFD.</summary>
    public static string Clean(string text) => string.Concat(text.EnumerateRunes().Select(rune =>
        rune.Value is '\t' or '\n' or (>= 0x20 and not (>= 0x7F and <= 0x9F) and not 0xFFFE and not 0xFFFF) ? rune.ToString() : "\uFFFD"));

    /// <summary>Clean, and escaped for element content and for attributes in quotes.</summary>
    public static string Escape(string text) => SecurityElement.Escape(Clean(text));
}
