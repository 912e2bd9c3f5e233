namespace Btx.Model.Files;

/// <summary>Reads a small file whole: a manifest, a config. A size limit keeps a wrong path (a weight file, say) from filling the memory.</summary>
public static class BoundedFile
{
    /// <summary>64 MiB: far above any manifest.</summary>
    public const long DefaultLimit = 64L << 20;

    /// <exception cref="BtxException">The file cannot be read or has more than <paramref name="limit"/> bytes; names the path.</exception>
    public static byte[] Read(string path, long limit = DefaultLimit)
    {
        try
        {
            var length = new FileInfo(path).Length;
            if (length > limit) throw new BtxException($"{path}: has {length} bytes; at most {limit} are expected here");
            return File.ReadAllBytes(path);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new BtxException(Directory.Exists(path) ? $"{path}: is a directory; a file is expected here" : $"{path}: not found", e) { Kind = FaultKind.Missing };
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{path}: cannot be read: {e.Message}", e);
        }
    }
}
