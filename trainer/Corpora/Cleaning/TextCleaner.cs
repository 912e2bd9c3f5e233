using System.Text;

namespace Btx.Trainer.Corpora.Cleaning;

/// <summary>Brings text from any source into one form: UTF-8, NFC, '\n' line ends, no control characters, no trailing blanks.</summary>
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
    /// NFC; '\r\n', '\r' and form feed become '\n', a no-break space a space; control characters and byte-order marks go; blanks
    /// before a line end go; more than one empty line becomes one; the ends are trimmed. Unpaired surrogates become U+FFFD.
    /// </summary>
    public static string Clean(string text)
    {
        text = Normalize(text);
        var cleaned = new StringBuilder(text.Length);
        var newlines = 0;
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (c is '\r' or '\f')
            {
                if (c == '\r' && i + 1 < text.Length && text[i + 1] == '\n') continue;
                c = '\n';
            }

            if (c == '\n')
            {
                var end = cleaned.Length;
                while (end > 0 && cleaned[end - 1] is ' ' or '\t') end--;
                cleaned.Length = end;
                if (++newlines <= 2) cleaned.Append('\n');
                continue;
            }

            if (c == '\u00A0') c = ' ';
            if (c != '\t' && (char.IsControl(c) || c is '\uFEFF' or '\uFFFE' or '\uFFFF')) continue;
            if (c is not (' ' or '\t')) newlines = 0;
            cleaned.Append(c);
        }

        return cleaned.ToString().Trim();
    }

    private static string Normalize(string text)
    {
        if (System.Text.Ascii.IsValid(text)) return text;
        text = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
        // U+FFFE and U+FFFF are refused by string.Normalize; the cleaner drops them in any case.
        text = text.Replace("\uFFFE", "", StringComparison.Ordinal).Replace("\uFFFF", "", StringComparison.Ordinal);
        return text.IsNormalized(NormalizationForm.FormC) ? text : text.Normalize(NormalizationForm.FormC);
    }
}
