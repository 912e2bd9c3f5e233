using System.Text.RegularExpressions;
using Btx.House.Tests.Architecture;

namespace Btx.House.Tests.Documents;

/// <summary>The blocks of commands of README and guide, and what a test changes in them so that they run small, quickly and
/// anywhere.</summary>
internal static partial class DocumentedCommands
{
    /// <summary>Commands that are not run: their arguments are read by the program's own parser, and why.</summary>
    public static readonly (string Begins, string Why)[] OnlyParsed =
    [
        ("setup", "builds the programs that this test runs"),
        ("demo", "minutes of training; LauncherTests start its stages"),
        ("corpus --set full", "fetches text through apt"),
        ("tokenizer train --corpus corpora", "needs that text"),
        ("train seed --corpus corpora", "needs that text; the walk through one's own text trains for real"),
        ("train round --forest forest --seed seed --corpus corpora", "as above"),
        ("train mix", "as above, tested in the room trainer"),
        ("train finetune", "as above, tested in the room trainer"),
        ("evaluate --forest forest --btx tuned", "as above"),
        ("loadtest sweep", "starts a server for each point of its grid; tested in the room loadtests"),
        ("loadtest report", "needs the sweep's directory; tested in the room loadtests"),
    ];

    /// <summary>What is put in the place of a documented word, in all commands.</summary>
    public static readonly (string Old, string New)[] Substitutions =
    [
        (@"127\.0\.0\.1:8080|models\.example\.com:8080", "127.0.0.1:$$HTTP"),
        (@"127\.0\.0\.1:8082", "127.0.0.1:$$ADMIN"),
        (@"--server https://models\.example\.com:8444", "--server https://127.0.0.1:$$GRPC --server-ca fullchain.pem"), // made here
        (@"(?<=--server )(models\.example\.com|server):8081", "127.0.0.1:$$GRPC"),
        (@"--grpc 127\.0\.0\.1:8081", "--grpc 127.0.0.1:$$GRPC"),
        (@"--http 0\.0\.0\.0:(8080|8443)", "--http 0.0.0.0:$$HTTP"),
        (@"--grpc 0\.0\.0\.0:(8081|8444)", "--grpc 0.0.0.0:$$GRPC"),
        (@"\bdemo/served", "served"),
        (@"/data/", "$$PWD/data/"), // where the reader's own files are
        (@"(?<=--experts? )law(?= .*acme)", "novels"), // an expert that the tiny forest has
        (@"(?<=keys revoke )[0-9a-f]{12}", "$$(cut -d _ -f 2 acme.key)"), // the id of the key that was made
        (@"experts remove (?!.*--dry-run)", "experts remove --yes "), // nobody is there to be asked
        (@"(?m) &$", ""), // the launcher returns when the server listens
        (@" …", " --reason test"),
        (@"train (seed|round) (?=.*--corpus corpus )", "train $1 --tokens 2000 "), // not for as long as the text decides
    ];

    /// <summary>Blocks that go on where the one before them ended: the reader has another terminal, or another day.</summary>
    private static readonly string[] s_continued = ["curl -s http://127.0.0.1:8080/v1/completions", "./btx corpus --domain contracts"];

    /// <summary>Of each document, the blocks that belong together, as they are written.</summary>
    public static IEnumerable<(string Document, string Commands)> Chapters()
    {
        foreach (var document in new[] { "README.md", "docs/guide.md" })
        {
            var chapters = new List<string>();
            foreach (var block in Block().Matches(Repository.Read(document)).Select(match => match.Groups["text"].Value))
            {
                if (!Command().IsMatch(block)) continue; // of another language
                var isContinued = s_continued.Any(start => block.StartsWith(start, StringComparison.Ordinal));
                if (chapters.Count > 0 && isContinued) chapters[^1] += block;
                else chapters.Add(block);
            }

            foreach (var chapter in chapters) yield return (document, chapter);
        }
    }

    public static string Substituted(string commands) =>
        Substitutions.Aggregate(commands, (text, one) => Regex.Replace(text, one.Old, one.New));

    [GeneratedRegex(@"^```\r?\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(\./btx|curl|openssl) ", RegexOptions.Multiline)]
    private static partial Regex Command();
}
