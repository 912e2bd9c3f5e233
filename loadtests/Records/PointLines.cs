using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Records;

/// <summary>The measured points of a run's directory: <see cref="RunDirectory.Points"/>.</summary>
internal static class PointLines
{
    /// <summary>Those that are whole.</summary>
    /// <param name="faults">Gets a sentence for each line that is left out.</param>
    /// <exception cref="LoadTestException">There is no such file.</exception>
    public static IReadOnlyList<PointResult> Read(string path, ICollection<string> faults)
    {
        var damaged = new List<string>();
        var points = Whole(path, damaged);
        foreach (var fault in damaged) faults.Add($"{fault}; it is left out");
        return points;
    }

    /// <summary>All of them.</summary>
    /// <param name="remedy">For the message.</param>
    /// <exception cref="LoadTestException">A line is damaged.</exception>
    public static IReadOnlyList<PointResult> ReadAll(string path, string remedy)
    {
        var damaged = new List<string>();
        var points = Whole(path, damaged);
        return damaged.Count == 0 ? points : throw new LoadTestException($"{damaged[0]}; {remedy}");
    }

    private static List<PointResult> Whole(string path, List<string> damaged)
    {
        var points = new List<PointResult>();
        foreach (var (line, point) in RunJson.ReadWholeLines<PointResult>(path, damaged))
        {
            if (WholeRecord.Is(point)) points.Add(point);
            else damaged.Add($"{path}, line {line}: settings or figures are missing or are no numbers");
        }

        return points;
    }
}
