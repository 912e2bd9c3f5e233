using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace Btx.House.Tests.Architecture;

/// <summary>The source tree, found from this file's own path.</summary>
internal static class Repository
{
    private static readonly string[] Built = ["artifacts", ".git", "node_modules", ".vs"];

    public static string Root { get; } = Path.GetFullPath(Path.Combine(Here(), "..", "..", ".."));

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Select(f => Path.GetRelativePath(Root, f))
            .Where(f => !f.Split('/').Any(Built.Contains))
            .Order(StringComparer.Ordinal);

    public static string Read(string relative) => File.ReadAllText(Path.Combine(Root, relative));

    /// <summary>What a project names: other projects (by path from the root), and packages.</summary>
    public static (string[] Projects, string[] Packages) References(string csproj)
    {
        var xml = XDocument.Load(Path.Combine(Root, csproj));
        string[] Of(string element) =>
            [.. xml.Descendants(element).Select(e => (string)e.Attribute("Include")!).Order(StringComparer.Ordinal)];
        var folder = Path.GetDirectoryName(Path.Combine(Root, csproj))!;
        return ([.. Of("ProjectReference").Select(p => Path.GetRelativePath(Root, Path.GetFullPath(Path.Combine(folder, p))))],
            Of("PackageReference"));
    }

    private static string Here([CallerFilePath] string path = "") => Path.GetDirectoryName(path)!;
}
