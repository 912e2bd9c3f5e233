using System.Buffers;
using System.Text;
using System.Text.Unicode;

namespace Btx.Model.Tokens;

/// <summary>Unicode normalisation form C over bytes that may hold ill-formed stretches, which pass through unchanged.</summary>
internal static class UnicodeForm
{
    /// <summary>Throws where the runtime has no Unicode data (globalization-invariant mode), for normalising would silently do nothing.</summary>
    public static void RequireData(string source)
    {
        if ("e\u0301".Normalize(NormalizationForm.FormC) != "\u00E9")
            throw new BtxException($"{source}: the normalizer NFC needs Unicode data; install libicu and unset DOTNET_SYSTEM_GLOBALIZATION_INVARIANT");
    }

    /// <summary>The normalised bytes, or <paramref name="text"/> itself where nothing changes.</summary>
    public static ReadOnlySpan<byte> Compose(ReadOnlySpan<byte> text)
    {
        if (Ascii.IsValid(text)) return text;
        if (Utf8.IsValid(text)) return ComposeValid(text);
        var output = new ArrayBufferWriter<byte>(text.Length);
        var start = 0;
        for (var at = 0; at < text.Length;)
        {
            var status = Rune.DecodeFromUtf8(text[at..], out _, out var length);
            at += length;
            if (status == OperationStatus.Done) continue;
            output.Write(ComposeValid(text[start..(at - length)]));
            output.Write(text[(at - length)..at]);
            start = at;
        }

        output.Write(ComposeValid(text[start..]));
        return output.WrittenSpan;
    }

    private static ReadOnlySpan<byte> ComposeValid(ReadOnlySpan<byte> text)
    {
        var characters = Encoding.UTF8.GetString(text);
        return characters.IsNormalized(NormalizationForm.FormC) ? text : Encoding.UTF8.GetBytes(characters.Normalize(NormalizationForm.FormC));
    }
}
