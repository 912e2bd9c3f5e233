using System.Text;
using System.Text.RegularExpressions;
using Btx.Model;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>The King James Bible as the <c>bible</c> reader prints it, one document a chapter.</summary>
public static partial class BibleChapters
{
    /// <summary>Runs the reader out of its unpacked package over the unpacked text.</summary>
    /// <exception cref="BtxException">The reader does not run (it needs libreadline8) or prints nothing.</exception>
    public static IEnumerable<CorpusDocument> Read(string program, string data, CancellationToken cancellation)
    {
        var reader = new ExternalTool(program, "bible-kjv");
        // The range must be an argument: without one the reader is interactive and prints a banner.
        var output = reader.RunAsync(["-p", data.TrimEnd('/') + "/", "-f", "-l", "100", "gen1:1-rev22:21"], cancellation: cancellation)
            .GetAwaiter().GetResult();
        if (output.ExitCode != 0 || output.Output.Length == 0)
            throw new BtxException($"the reader of bible-kjv failed: {output.Cause}; it needs libreadline8 (apt-get install libreadline8)");
        return Parse(Encoding.UTF8.GetString(output.Output));
    }

    /// <summary>Splits printed verses (<c>Ge1:1 In the beginning …</c>, continued on further lines)
    /// into chapters without the book's prefix.</summary>
    public static IEnumerable<CorpusDocument> Parse(string printed)
    {
        string? chapter = null;
        var lines = new List<string>();
        foreach (var line in printed.Split('\n'))
        {
            var verse = Verse().Match(line);
            if (verse.Success)
            {
                var next = verse.Groups["chapter"].Value;
                if (next != chapter)
                {
                    if (chapter is not null) yield return new CorpusDocument($"kjv/{chapter}", string.Join('\n', lines));
                    lines.Clear();
                    chapter = next;
                }

                lines.Add($"{verse.Groups["verse"].Value} {verse.Groups["text"].Value}");
            }
            else if (chapter is not null)
            {
                lines.Add(line);
            }
        }

        if (chapter is not null) yield return new CorpusDocument($"kjv/{chapter}", string.Join('\n', lines));
    }

    [GeneratedRegex(@"^(?<chapter>[1-4A-Z][A-Za-z0-9]*?\d+):(?<verse>\d+) (?<text>.*)$", RegexOptions.CultureInvariant)]
    private static partial Regex Verse();
}
