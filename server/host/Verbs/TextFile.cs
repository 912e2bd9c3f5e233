using System.Text;
using Btx.Model;

namespace Btx.Server.Verbs;

/// <summary>Text that an option or an argument names.</summary>
internal static class TextFile
{
    /// <param name="option">For messages.</param>
    /// <param name="path"><c>-</c>: standard input.</param>
    /// <exception cref="BtxException">The file cannot be read or is not UTF-8.</exception>
    public static string Read(string option, string path)
    {
        byte[] bytes;
        try
        {
            bytes = path == "-" ? StandardInput() : File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{option} {path}: cannot be read ({e.Message})", e);
        }

        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new BtxException($"{option} {path}: byte {e.Index} is not valid UTF-8; convert the file to UTF-8 first", e);
        }
    }

    private static byte[] StandardInput()
    {
        using var input = Console.OpenStandardInput();
        using var bytes = new MemoryStream();
        input.CopyTo(bytes);
        return bytes.ToArray();
    }
}
