using System.Text.RegularExpressions;

namespace Btx.House.Tests.Architecture;

/// <summary>The table of attacks in tests/README.md: it has every class of attack that must be tested, and each has its test.</summary>
public sealed partial class AttackTableTests
{
    /// <summary>What must be there; a class that names no CVE goes by its words.</summary>
    private static readonly string[] s_classes = ["CVE-2025-55315", "CVE-2026-33186", "CVE-2026-84304", "rapid reset", "CONTINUATION flood",
        "HPACK flood", "slow headers", "slow bodies", "half-sent bodies", "CVE-2026-48746", "CVE-2025-59425", "CVE-2026-54235",
        "CVE-2026-21869", "CVE-2026-34756", "CVE-2026-73559", "CVE-2026-55574", "CVE-2025-48942", "CVE-2025-61620", "CVE-2026-5760",
        "CVE-2026-44222", "CVE-2026-73555", "CVE-2026-15574", "CVE-2026-73558", "CVE-2022-21698", "CVE-2026-7482", "CVE-2026-27940"];

    [Fact]
    public void Every_class_of_attack_has_a_test_that_names_it()
    {
        var rows = Row().Matches(Repository.Read("tests/README.md")).ToArray();
        Assert.All(s_classes, one =>
            Assert.Contains(rows, row => row.Groups["class"].Value.Contains(one, StringComparison.OrdinalIgnoreCase)));
        foreach (var row in rows)
        {
            var tests = Test().Matches(row.Groups["tests"].Value);
            Assert.True(tests.Count > 0, row.Value);
            var sources = tests.Select(test => SourceOf(test.Groups["class"].Value, test.Groups["method"].Value)).ToArray();
            foreach (var number in Cve().Matches(row.Groups["class"].Value).Select(match => match.Value))
                Assert.True(sources.Any(source => source.Contains(number, StringComparison.Ordinal)),
                    $"no test of this row names {number}: {row.Value}");
        }
    }

    private static string SourceOf(string type, string method)
    {
        var (declared, tested) = (new Regex($@"\bclass {type}\b"), new Regex($@"\bpublic (async )?(Task|void) {method}\("));
        var sources = Repository.Files("tests", "*.cs").Select(Repository.Read)
            .Where(text => declared.IsMatch(text) && tested.IsMatch(text)).ToArray();
        return Assert.Single(sources);
    }

    [GeneratedRegex(@"^\| (?<class>[^|]*) \| (?<tests>[^|]*`\w+\.\w+`[^|]*) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();

    [GeneratedRegex(@"`(?<class>\w+)\.(?<method>\w+)`")]
    private static partial Regex Test();

    [GeneratedRegex(@"CVE-\d{4}-\d+")]
    private static partial Regex Cve();
}
