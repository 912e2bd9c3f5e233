using System.Text;
using Btx.Model.Files;
using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>The served forests that bind a forest's weights, as it lists them itself: one file each in <c>FOREST/exports/</c>, which holds
/// an absolute path. The exporter writes it, and a server that opens the served forest, which may have been moved since.</summary>
public static class ServedExports
{
    public const string DirectoryName = "exports";

    public static void Record(string forest, string servedDirectory)
    {
        var path = RealPath.Of(Path.GetFullPath(servedDirectory));
        var file = Path.Combine(forest, DirectoryName, $"{RegistryJson.Hash(Encoding.UTF8.GetBytes(path))[..16]}.txt");
        if (!File.Exists(file)) AtomicFile.WriteText(file, path + "\n");
    }

    public static IReadOnlyList<string> Of(string forest)
    {
        var list = Path.Combine(forest, DirectoryName);
        try
        {
            if (!Directory.Exists(list)) return [];
            return [.. Directory.EnumerateFiles(list, "*.txt").Order(StringComparer.Ordinal)
                .Select(f => Encoding.UTF8.GetString(BoundedFile.Read(f, 1 << 13)).TrimEnd('\n'))
                .Where(p => Path.IsPathRooted(p) && File.Exists(Path.Combine(p, ServedForestManifest.FileName)))];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BtxException($"{list}: cannot be read: {BtxException.OneLine(e.Message)}", e);
        }
    }
}
