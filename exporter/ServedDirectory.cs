using Btx.Model;

namespace Btx.Exporter;

/// <summary>What an export may replace.</summary>
internal static class ServedDirectory
{
    /// <summary>A directory is replaced only if an export made it: it must not delete anything else.</summary>
    /// <param name="manifest">File that such a directory has.</param>
    /// <param name="what">What such a directory is.</param>
    /// <exception cref="BtxException">The target is something else.</exception>
    public static void CheckTarget(string target, string manifest, string what)
    {
        if (File.Exists(target)) throw new BtxException($"--out {target}: is a file; name a directory to make");
        if (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any() && !File.Exists(Path.Combine(target, manifest)))
            throw new BtxException($"--out {target}: exists and is not a {what} (it has no {manifest}); name another directory");
    }
}
