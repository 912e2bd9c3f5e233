using System.Text;
using Btx.Model.Tokens;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>
/// Brings text from any source into one form: that of <see cref="TextNormalizer.Own"/>, which
/// tokenizers apply to whatever they are given, and a plain
/// layout, which is a matter of documents: no trailing blanks, no runs of empty lines.
/// </summary>
public static class TextCleaner
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Bytes as UTF-8, or as Latin-1 if they are not UTF-8.</summary>
    public static string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            return Encoding.Latin1.GetString(bytes);
        }
    }

    /// <summary>
    /// The normalised text; blanks before a line end go; more than one empty line becomes one; the ends
    /// are trimmed. Unpaired surrogates become U+FFFD.
    /// </summary>
    public static string Clean(string text)
    {
        var cleaned = new StringBuilder(text.Length);
        var newlines = 0;
        foreach (var c in TextNormalizer.Own.Apply(text))
        {
            if (c == '\n')
            {
                var end = cleaned.Length;
                while (end > 0 && cleaned[end - 1] is ' ' or '\t') end--;
                cleaned.Length = end;
                if (++newlines <= 2) cleaned.Append('\n');
                continue;
            }

            if (c is not (' ' or '\t')) newlines = 0;
            cleaned.Append(c);
        }

        return cleaned.ToString().Trim();
    }
}
