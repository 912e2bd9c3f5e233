using System.CommandLine;
using System.Text.RegularExpressions;
using Btx.LoadTests.Verbs;
using Btx.Trainer.Verbs;

namespace Btx.House.Tests.Documents;

/// <summary>Every command of README and guide does what it says: run on a tiny forest, or, where that would take minutes, read by the
/// program's own parser.</summary>
public sealed class DocumentedCommandsTests(DocumentWorld world) : IClassFixture<DocumentWorld>
{
    [Fact]
    public void Every_command_of_README_and_guide_runs()
    {
        var parsed = new List<string[]>();
        var problems = new List<string>();
        var chapters = DocumentedCommands.Chapters().ToArray();
        Assert.True(chapters.Length >= 7);
        Parallel.ForEach(chapters, new ParallelOptions { MaxDegreeOfParallelism = 3 }, chapter =>
        {
            var (problem, read) = world.Run(chapter.Commands);
            lock (parsed)
            {
                parsed.AddRange(read);
                if (problem is not null) problems.Add($"{chapter.Document}: {chapter.Commands}\n{problem}");
            }
        });
        Assert.True(problems.Count == 0, string.Join("\n\n", problems));

        var program = new RootCommand
        {
            CorpusVerb.Create(), TokenizerVerb.Create(), TrainVerb.Create(), EvaluateVerb.Create(), DemoVerb.Create(), new Command("setup"),
            new Command("loadtest") { SweepVerb.Create(), ReportVerb.Create() },
        };
        Assert.All(parsed, arguments =>
            Assert.Empty(program.Parse(arguments).Errors.Select(e => $"{string.Join(' ', arguments)}: {e.Message}")));
        Assert.NotEmpty(program.Parse(["train", "seed", "--no-such-flag", "1"]).Errors);
        Assert.All(DocumentedCommands.OnlyParsed, one => Assert.Contains(parsed,
            arguments => string.Join(' ', arguments).StartsWith(one.Begins, StringComparison.Ordinal)));
        var all = string.Join('\n', chapters.Select(chapter => chapter.Commands));
        Assert.All(DocumentedCommands.Substitutions, one => Assert.Matches(new Regex(one.Old), all));
    }
}
