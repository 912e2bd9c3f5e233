namespace Btx.Engine.Tests.Fixtures;

/// <summary>What the system says this process holds of a directory: mappings and open files, a line each.</summary>
internal static class HeldFiles
{
    public static List<string> Mapped(string directory) => [.. File.ReadLines("/proc/self/maps").Where(l => l.Contains(directory,
        StringComparison.Ordinal)).Select(l => l[l.IndexOf(directory, StringComparison.Ordinal)..]).Order(StringComparer.Ordinal)];

    public static List<string> Open(string directory) =>
        [.. new DirectoryInfo("/proc/self/fd").EnumerateFileSystemInfos().Select(f => f.LinkTarget ?? "")
        .Where(f => f.StartsWith(directory, StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
}
