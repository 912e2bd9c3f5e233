using System.Text;
using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>The King James Bible as the <c>bible</c> reader prints it, one document a chapter.</summary>
public static partial class BibleChapters
{
    /// <summary>Runs the reader out of its unpacked package over the unpacked text.</summary>
    /// <exception cref="BtxException">The reader does not run (it needs libreadline8) or prints nothing.</exception>
    public static IEnumerable<CorpusDocument> Read(string program, string data, CancellationToken cancellation)
    {
        // The range must be an argument: without one the reader is interactive and prints a banner.
        var output = new ExternalTool(program, "bible-kjv").RunAsync(["-p", data + "/", "-f", "-l", "100", "gen1:1-rev22:21"],
            cancellation: cancellation).GetAwaiter().GetResult();
        if (output.ExitCode != 0 || output.Output.Length == 0)
            throw new BtxException($"the reader of bible-kjv failed: {output.Cause}; it needs libreadline8 (apt-get install libreadline8)");
        return Parse(Encoding.UTF8.GetString(output.Output));
    }

    /// <summary>Printed verses (<c>Ge1:1 In the beginning …</c>, over several lines) as chapters without the book's prefix.</summary>
    public static IEnumerable<CorpusDocument> Parse(string printed)
    {
        var chapters = new List<(string Id, List<string> Lines)>();
        foreach (var line in printed.Split('\n'))
        {
            var verse = Verse.Match(line);
            var chapter = $"kjv/{verse.Groups["chapter"].Value}";
            if (verse.Success && (chapters.Count == 0 || chapters[^1].Id != chapter)) chapters.Add((chapter, []));
            if (chapters.Count == 0) continue;
            chapters[^1].Lines.Add(verse.Success ? $"{verse.Groups["verse"].Value} {verse.Groups["text"].Value}" : line);
        }

        return chapters.Select(c => new CorpusDocument(c.Id, string.Join('\n', c.Lines)));
    }

    [GeneratedRegex(@"^(?<chapter>[1-4A-Z][A-Za-z0-9]*?\d+):(?<verse>\d+) (?<text>.*)$")] private static partial Regex Verse { get; }
}

/// <summary>Unix manual pages as groff sets them in plain text, 90 columns wide and without hyphenation.</summary>
public static partial class ManualPages
{
    private static readonly ExternalTool Groff = new("groff", "groff");
    private static readonly string[] Arguments = ["-K", "utf8", "-t", "-mandoc", "-Tutf8", "-P-cbou", "-rLL=90n", "-rHY=0", "-dAD=l"];

    /// <summary>Every page of the packages' <c>usr/share/man</c> folders; pages that only refer to another are left out.</summary>
    public static IEnumerable<CorpusDocument> Read(IEnumerable<string> roots, CancellationToken cancellation) =>
        roots.SelectMany(root => SourceFiles.Paths(root, "*.gz")).Where(f => SectionFolder.IsMatch(f.Id))
            .AsParallel().AsOrdered().WithDegreeOfParallelism(Math.Clamp(Environment.ProcessorCount, 1, 8)).WithCancellation(cancellation)
            .Select(f => Page(f.Id, SourceFiles.Inflate(f.Path), cancellation))
            .OfType<CorpusDocument>();

    /// <summary>The printed page without its header and footer lines and its colophon.</summary>
    public static string Body(string printed)
    {
        var lines = printed.Split('\n');
        var kept = lines.Where((line, i) => (i >= 3 && i <= lines.Length - 5) || !HeaderOrFooter.IsMatch(line));
        var text = string.Join('\n', kept).Split("\nCOLOPHON\n", 2)[0];
        return text.Replace('\u2010', '-').Replace('\u2212', '-');
    }

    private static CorpusDocument? Page(string id, byte[] source, CancellationToken cancellation)
    {
        if (Encoding.Latin1.GetString(source, 0, Math.Min(source.Length, 400)).TrimStart().StartsWith(".so ", StringComparison.Ordinal))
            return null;
        var output = Groff.RunAsync(Arguments, source, cancellation: cancellation).GetAwaiter().GetResult();
        return new CorpusDocument(id, Body(Encoding.UTF8.GetString(output.Output)));
    }

    [GeneratedRegex(@"^man\d[a-z]*/")] private static partial Regex SectionFolder { get; }
    [GeneratedRegex(@"\(\d[a-z]*\)|\d{4}-\d\d")] private static partial Regex HeaderOrFooter { get; }
}
