using Microsoft.Win32.SafeHandles;

namespace Btx.Model.Files;

/// <summary>Reads a small file whole: a manifest, a config. A size limit keeps a wrong path (a weight file, say) from filling the
/// memory.</summary>
public static class BoundedFile
{
    /// <summary>64 MiB: far above any manifest.</summary>
    public const long DefaultLimit = 64L << 20;

    /// <exception cref="BtxException">The file cannot be read, is no regular file, or has more than <paramref name="limit"/> bytes; names
    /// the path.</exception>
    public static byte[] Read(string path, long limit = DefaultLimit)
    {
        using var file = OpenFile.Read(path);
        return Read(file, path, limit);
    }

    /// <inheritdoc cref="Read(string, long)"/>
    /// <param name="path">Named in errors.</param>
    public static byte[] Read(SafeFileHandle file, string path, long limit = DefaultLimit)
    {
        try
        {
            var length = RandomAccess.GetLength(file);
            if (length > limit) throw new BtxException($"{path}: has {length} bytes; at most {limit} are expected here");
            var bytes = new byte[length];
            var got = 0;
            for (int read; got < bytes.Length && (read = RandomAccess.Read(file, bytes.AsSpan(got), got)) > 0;) got += read;
            return got == bytes.Length ? bytes :
                throw new BtxException($"{path}: became shorter while it was read; read it again when nothing writes there");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{path}: cannot be read: {BtxException.OneLine(e.Message)}", e);
        }
    }
}
