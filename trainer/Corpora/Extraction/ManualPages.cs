using System.IO.Compression;
using System.Text;
using System.Text.RegularExpressions;
using Btx.Trainer.Corpora.Packages;

namespace Btx.Trainer.Corpora.Extraction;

/// <summary>Unix manual pages as groff sets them in plain text, 90 columns wide and without hyphenation.</summary>
public static partial class ManualPages
{
    private static readonly ExternalTool Groff = new("groff", "groff");
    private static readonly string[] Arguments = ["-K", "utf8", "-t", "-mandoc", "-Tutf8", "-P-cbou", "-rLL=90n", "-rHY=0", "-dAD=l"];

    /// <summary>Every page of the packages' <c>usr/share/man</c> folders; pages that only refer to another are left out.</summary>
    public static IEnumerable<CorpusDocument> Read(IEnumerable<string> roots, CancellationToken cancellation) =>
        roots.SelectMany(root => SourceFiles.Paths(root, "*.gz"))
            .Where(f => SectionFolder().IsMatch(f.Id))
            .AsParallel().AsOrdered().WithDegreeOfParallelism(Math.Clamp(Environment.ProcessorCount, 1, 8)).WithCancellation(cancellation)
            .Select(f => Page(f.Id, Inflate(f.Path), cancellation))
            .OfType<CorpusDocument>();

    /// <summary>The printed page without its header and footer lines and its colophon.</summary>
    public static string Body(string printed)
    {
        var lines = printed.Split('\n');
        var kept = lines.Where((line, i) => (i >= 3 && i <= lines.Length - 5) || !HeaderOrFooter().IsMatch(line));
        var text = string.Join('\n', kept);
        var colophon = text.IndexOf("\nCOLOPHON\n", StringComparison.Ordinal);
        if (colophon >= 0) text = text[..colophon];
        return text.Replace('\u2010', '-').Replace('\u2212', '-');
    }

    private static CorpusDocument? Page(string id, byte[] source, CancellationToken cancellation)
    {
        if (Encoding.Latin1.GetString(source, 0, Math.Min(source.Length, 400)).TrimStart().StartsWith(".so ", StringComparison.Ordinal))
            return null;
        var output = Groff.RunAsync(Arguments, source, cancellation: cancellation).GetAwaiter().GetResult();
        return new CorpusDocument(id, Body(Encoding.UTF8.GetString(output.Output)));
    }

    private static byte[] Inflate(string path)
    {
        using var file = File.OpenRead(path);
        using var gzip = new GZipStream(file, CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        gzip.CopyTo(inflated);
        return inflated.ToArray();
    }

    [GeneratedRegex(@"^man\d[a-z]*/", RegexOptions.CultureInvariant)]
    private static partial Regex SectionFolder();

    [GeneratedRegex(@"\(\d[a-z]*\)|\d{4}-\d\d", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderOrFooter();
}
