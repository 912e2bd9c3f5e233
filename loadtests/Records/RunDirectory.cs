namespace Btx.LoadTests.Records;

/// <summary>Names inside a run's directory. Everything in it is written whole or line by line:
/// what is there after a crash is used.</summary>
public static class RunDirectory
{
    /// <summary>What was asked, on what, of which server: <see cref="RunDescription"/>.</summary>
    public const string Description = "loadtest.json";

    /// <summary>A <see cref="PointResult"/> a line.</summary>
    public const string Points = "points.jsonl";

    /// <summary>Folder of <see cref="RequestRecord"/>s, a file a point: <c>NAME-rREPEAT.jsonl</c>.</summary>
    public const string Requests = "requests";

    /// <summary>Bits per byte and perplexity by mode and domain: <see cref="QualityTable"/>.</summary>
    public const string Quality = "quality.json";

    /// <summary>An expert added and removed under load: <see cref="ChangeTimeline"/>.</summary>
    public const string Change = "change.json";

    /// <summary>The generator's own ceiling: <see cref="Ceiling"/>.</summary>
    public const string CeilingFile = "ceiling.json";

    /// <summary>Fitted cost models, frontier and recommendation.</summary>
    public const string Fits = "fits.json";

    public const string Page = "report.html";

    public const string Markdown = "report.md";

    /// <summary>Folder of the report's pictures, SVG.</summary>
    public const string Charts = "charts";
}

/// <summary>Loads that were killed: their requests are on disk, their figures are not.</summary>
internal static class UnfinishedLoads
{
    /// <summary>A sentence for each, in a run's directory without a single point.</summary>
    public static IEnumerable<string> Of(string directory)
    {
        var (points, requests) = (Path.Combine(directory, RunDirectory.Points), Path.Combine(directory, RunDirectory.Requests));
        if (File.Exists(points) || !Directory.Exists(requests)) yield break;
        foreach (var file in Directory.GetFiles(requests, "*.jsonl").Order(StringComparer.Ordinal))
        {
            var records = File.ReadLines(file).Count(line => line.EndsWith('}'));
            if (records > 0)
                yield return $"{file} holds {records} requests of a load that ended before its figures were written; they are in no "
                    + "figure here: measure it again";
        }
    }
}
