using System.Security;
using System.Text;

namespace Btx.LoadTests.Charts;

/// <summary>Text inside XML and HTML.</summary>
public static class XmlText
{
    /// <summary>Escaped for element content and for attributes in quotes; characters that XML forbids become U+FFFD.</summary>
    public static string Escape(string text)
    {
        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
            clean.Append(rune.Value is '\t' or '\n' or (>= 0x20 and not (>= 0x7F and <= 0x9F) and not 0xFFFE and not 0xFFFF)
                ? rune.ToString() : "\uFFFD");
        return SecurityElement.Escape(clean.ToString());
    }
}
