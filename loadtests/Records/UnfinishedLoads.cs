namespace Btx.LoadTests.Records;

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
