namespace Btx.Server.Listeners;

/// <summary>How the bytes of a request's headers become text.</summary>
internal static class HeaderText
{
    private static readonly DigitsAlone s_length = new();

    /// <summary>Any byte is a character: UTF-8 that is none would end a whole connection.</summary>
    public static Encoding EncodingOf(string header) =>
        header.Equals("content-length", StringComparison.OrdinalIgnoreCase) ? s_length : Encoding.Latin1;

    /// <summary>Middleware: what is not plainly chunked is refused. A proxy in front may read other codings in another way, and see another
    /// end of the request.</summary>
    public static Task RequireChunkedAsync(HttpContext http, RequestDelegate next)
    {
        if (http.Request.Headers.TransferEncoding is [] or ["chunked"]) return next(http);
        http.Response.Headers.Connection = "close";
        return OpenAiError.Invalid("transfer-encoding is not chunked alone").WriteAsync(http);
    }

    /// <summary>A length is of digits alone: the HTTP layer itself takes a sign and blanks, which a proxy may read in another
    /// way.</summary>
    private sealed class DigitsAlone : Encoding
    {
        private const int Longest = 19; // of a whole number of 64 bits

        public override int GetCharCount(byte[] bytes, int index, int count) => Math.Min(count, Longest + 1);

        public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
        {
            var count = GetCharCount(bytes, byteIndex, byteCount);
            for (var i = 0; i < count; i++)
                chars[charIndex + i] = byteCount <= Longest && char.IsAsciiDigit((char)bytes[byteIndex + i])
                    ? (char)bytes[byteIndex + i] : 'x';
            return count;
        }

        public override int GetByteCount(char[] chars, int index, int count) => count;

        public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
            Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

        public override int GetMaxByteCount(int charCount) => charCount;

        public override int GetMaxCharCount(int byteCount) => Math.Min(byteCount, Longest + 1);
    }
}
