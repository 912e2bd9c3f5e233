using System.Text.RegularExpressions;

namespace Btx.House.Tests.Architecture;

/// <summary>What must not stand in a tracked file.</summary>
public sealed partial class HygieneTests
{
    private static readonly string[] Text = [".cs", ".csproj", ".props", ".targets", ".sh", ".md", ".json", ".proto", ".py", ".js", ".mjs",
        ".html", ".yml"];

    [Fact]
    public void No_file_names_a_package_registrys_host()
    {
        // Put together here so that this file does not name them either.
        string[] hosts = ["api.nuget." + "org", "registry.npmjs." + "org", "deb.debian." + "org", "pypi." + "org"];
        string[] problems = [.. Tracked().Where(f => hosts.Any(h => Repository.Read(f).Contains(h, StringComparison.OrdinalIgnoreCase)))];
        Assert.Empty(problems);
    }

    [Fact]
    public void No_file_is_large()
    {
        string[] problems = [.. Repository.Files(".", "*")
            .Where(f => IsTracked(f) && new FileInfo(Path.Combine(Repository.Root, f)).Length > 1_000_000)];
        Assert.Empty(problems);
    }

    [Fact]
    public void Every_link_and_source_path_of_a_document_leads_somewhere()
    {
        var problems = new List<string>();
        foreach (var document in Tracked().Where(f => Path.GetExtension(f) == ".md"))
        {
            var text = Repository.Read(document);
            var links = Link().Matches(text).Select(m => Path.Combine(Path.GetDirectoryName(document)!, m.Groups["to"].Value));
            var paths = SourcePath().Matches(text).Select(m => m.Groups["path"].Value);
            problems.AddRange(links.Concat(paths).Where(p => !Path.Exists(Path.Combine(Repository.Root, p)))
                .Select(p => $"{document}: {p}"));
        }

        Assert.Empty(problems);
    }

    [GeneratedRegex(@"\]\((?!https?:|#)(?<to>[^)#\s]+)")]
    private static partial Regex Link();

    [GeneratedRegex(@"`(?<path>(?:model|cli|trainer|exporter|server|client|loadtests|tests|docs|protos)/[\w./-]+\.\w+)`")]
    private static partial Regex SourcePath();

    private static IEnumerable<string> Tracked() =>
        Repository.Files(".", "*").Where(f => Text.Contains(Path.GetExtension(f)) && IsTracked(f));

    // The demo and the corpora of a user who works in the tree are not the tree's.
    private static bool IsTracked(string file) =>
        !file.StartsWith("demo/", StringComparison.Ordinal) && !file.StartsWith("corpora/", StringComparison.Ordinal);
}
