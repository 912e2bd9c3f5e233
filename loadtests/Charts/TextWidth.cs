using System.Text;

namespace Btx.LoadTests.Charts;

/// <summary>About how wide text is, from above: a picture cannot ask the font.</summary>
internal static class TextWidth
{
    /// <summary>Width of a text at a font size, px.</summary>
    public static double Of(string text, double size)
    {
        double em = 0;
        foreach (var rune in text.EnumerateRunes())
        {
            em += rune.Value switch
            {
                >= 0x1100 => 1.05,
                'i' or 'j' or 'l' or 'I' or '.' or ',' or ':' or ';' or '\'' or '|' or '!' or '(' or ')' or '[' or ']' or ' ' or 'f' or 't'
                    or 'r' => 0.35,
                'm' or 'w' or 'M' or 'W' or '@' or '%' => 0.92,
                >= 'A' and <= 'Z' or '&' or '<' or '>' or '+' or '=' or '_' or '·' => 0.7,
                _ => 0.57,
            };
        }

        return em * size;
    }

    /// <summary>The text, or its beginning and end about an ellipsis where it is wider than <paramref name="most"/> px.</summary>
    public static string Fit(string text, double size, double most)
    {
        if (Of(text, size) <= most) return text;
        var runes = text.EnumerateRunes().ToArray();
        for (var kept = runes.Length - 1; kept > 1; kept--)
        {
            var head = (kept * 2 + 2) / 3;
            var cut = Text(runes.AsSpan(0, head)).TrimEnd() + "…" + Text(runes.AsSpan(runes.Length - (kept - head))).TrimStart();
            if (Of(cut, size) <= most) return cut;
        }

        return "…";
    }

    /// <summary>Lines of at most <paramref name="most"/> px, broken between words; a word that is wider is cut.</summary>
    public static IReadOnlyList<string> Wrap(string text, double size, double most)
    {
        var lines = new List<string>();
        var line = "";
        foreach (var word in text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
        {
            var longer = line.Length == 0 ? word : line + " " + word;
            if (Of(longer, size) <= most)
            {
                line = longer;
                continue;
            }

            if (line.Length > 0) lines.Add(line);
            line = Fit(word, size, most);
        }

        if (line.Length > 0) lines.Add(line);
        return lines;
    }

    private static string Text(ReadOnlySpan<Rune> runes)
    {
        var text = new StringBuilder();
        foreach (var rune in runes) text.Append(rune.ToString());
        return text.ToString();
    }
}
