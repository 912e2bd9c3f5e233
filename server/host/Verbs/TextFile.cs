using System.Text;
using Btx.Model;

namespace Btx.Server.Verbs;

/// <summary>Text that an option names.</summary>
internal static class TextFile
{
    /// <param name="option">For messages.</param>
    /// <exception cref="BtxException">The file cannot be read or is not UTF-8.</exception>
    public static string Read(string option, string path)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(path);
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
}
