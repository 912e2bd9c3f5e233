using System.Text.RegularExpressions;

namespace Btx.House.Tests.Architecture;

/// <summary>Habits that a glance at the tree should confirm.</summary>
public sealed partial class HouseStyleTests
{
    private static readonly string[] Rooms = ["model", "cli", "trainer", "exporter", "server", "client", "loadtests", "bench"];

    [Fact]
    public void A_file_of_one_type_is_named_after_it()
    {
        var problems = new List<string>();
        foreach (var file in Sources())
        {
            var types = DeclaredType().Matches(Repository.Read(file)).Select(m => m.Groups["name"].Value).ToHashSet();
            if (types.Count == 1 && !types.Contains(Path.GetFileName(file).Split('.')[0]))
                problems.Add($"{file} holds {string.Join(", ", types)}");
        }

        Assert.Empty(problems);
    }

    [Fact]
    public void Namespaces_are_file_scoped()
    {
        var problems = Sources().Where(f => BlockNamespace().IsMatch(Repository.Read(f)));
        Assert.Empty(problems);
    }

    [Fact]
    public void No_room_or_type_is_called_by_a_name_that_names_nothing()
    {
        var problems = Sources().Where(f => EmptyName().IsMatch(f));
        Assert.Empty(problems);
    }

    // The text that forests are compared on is one line a sentence, and certificates name its hash.
    [Fact]
    public void No_line_is_longer_than_140_characters()
    {
        var problems = Sources()
            .Where(f => Path.GetFileName(f) != "EqualityProbe.cs")
            .SelectMany(f => Repository.Read(f).Split('\n').Select((l, i) => (l.Length, At: $"{f}:{i + 1}")))
            .Where(l => l.Length > 140)
            .Select(l => l.At);
        Assert.Empty(problems);
    }

    // Networks and graphs stay in one file however long.
    [Fact]
    public void Files_are_short_enough_to_read()
    {
        string[] networks = ["LlamaModel.cs", "LlamaGraph.cs", "PlainLlama.cs"];
        var problems = Sources()
            .Where(f => !networks.Contains(Path.GetFileName(f)))
            .Select(f => (File: f, Lines: Repository.Read(f).AsSpan().Count('\n')))
            .Where(f => f.Lines > 265)
            .Select(f => $"{f.File}: {f.Lines} lines");
        Assert.Empty(problems);
    }

    // A folder with more files than that hides its idea.
    [Fact]
    public void A_folder_has_at_most_20_files()
    {
        var problems = Sources().GroupBy(Path.GetDirectoryName).Where(g => g.Count() > 20).Select(g => $"{g.Key}: {g.Count()} files");
        Assert.Empty(problems);
    }

    private static IEnumerable<string> Sources() =>
        Rooms.SelectMany(r => Repository.Files(r, "*.cs"));

    [GeneratedRegex(@"^(?:public|internal)\s+(?:static\s+|sealed\s+|abstract\s+|readonly\s+|partial\s+|unsafe\s+|ref\s+)*(?:class|record\s+struct|record|struct|interface|enum|delegate\s+\S+)\s+(?<name>\w+)",
        RegexOptions.Multiline)]
    private static partial Regex DeclaredType();

    [GeneratedRegex(@"^namespace [\w.]+\s*\{?\s*$", RegexOptions.Multiline)]
    private static partial Regex BlockNamespace();

    [GeneratedRegex(@"(Utils?|Helpers?|Manager|Common|Misc)(\.cs|/)")]
    private static partial Regex EmptyName();
}
