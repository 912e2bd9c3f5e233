using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report;

/// <summary>What a run's directory holds; any part may be missing.</summary>
/// <param name="Run">Name of the directory.</param>
public sealed record ReportModel(string Run)
{
    public RunDescription? Description { get; init; }

    public IReadOnlyList<PointResult> Points { get; init; } = [];

    public QualityTable? Quality { get; init; }

    public ChangeTimeline? Change { get; init; }

    public IReadOnlyList<Ceiling> Ceilings { get; init; } = [];

    public CostAnalysis? Analysis { get; init; }

    /// <summary>Files that are there and cannot be read, and why.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Names of the files that a problem is of: <see cref="RunDirectory"/>.</summary>
    public IReadOnlyList<string> Damaged { get; init; } = [];

    public IReadOnlyList<Measurement> Measurements => field ??= Measurement.Group(Points);

    public PointLabels Labels => field ??= new PointLabels([.. Points.Select(p => p.Settings)]);

    /// <exception cref="LoadTestException">There is no such directory, or it holds nothing of a run.</exception>
    public static ReportModel Read(string directory)
    {
        if (!Directory.Exists(directory))
            throw new LoadTestException($"{directory} is not a directory: name the one that btx loadtest sweep --out or run --out wrote");
        string[] files = [RunDirectory.Description, RunDirectory.Points, RunDirectory.Quality, RunDirectory.Change,
            RunDirectory.CeilingFile];
        if (!files.Any(f => File.Exists(Path.Combine(directory, f))))
            throw new LoadTestException($"{directory} holds none of {string.Join(", ", files)}: name the directory that btx loadtest "
                + "sweep --out or run --out wrote");
        var faults = new List<string>();
        T? Part<T>(string file, Func<string, T> read, Predicate<T> whole) where T : class
        {
            var path = Path.Combine(directory, file);
            if (!File.Exists(path)) return null;
            try
            {
                var part = read(path);
                if (whole(part)) return part;
                faults.Add($"{path} lacks figures or names: it is damaged");
            }
            catch (LoadTestException e)
            {
                faults.Add(e.Message);
            }

            return null;
        }

        var points = Part(RunDirectory.Points, path => PointLines.Read(path, faults), _ => true) ?? [];
        faults.AddRange(UnfinishedLoads.Of(directory));
        return new(Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))))
        {
            Description = Part(RunDirectory.Description, RunJson.Read<RunDescription>,
                d => d is { Machine: not null, Load: not null, Command: not null }),
            Points = points,
            Quality = Part(RunDirectory.Quality, RunJson.Read<QualityTable>, WholeRecord.Is),
            Change = Part(RunDirectory.Change, RunJson.Read<ChangeTimeline>,
                c => c is { Expert: not null, Windows: not null, Changes: not null } && c.Windows.All(w => w is not null)
                && c.Changes.All(x => x is { Phases: not null, Id: not null, Kind: not null })),
            Ceilings = Part(RunDirectory.CeilingFile, RunJson.Read<Ceiling>,
                c => c is { TokensPerSecond: > 0, Door: not null }) is { } ceiling ? [ceiling] : [],
            Faults = faults,
            Damaged = [.. files.Where(f => faults.Any(m => m.StartsWith(Path.Combine(directory, f), StringComparison.Ordinal)))],
        };
    }

    /// <summary>With fits, frontiers and recommendations; without them if nothing was measured.</summary>
    /// <param name="directory">Where the request records are.</param>
    /// <param name="objective">To recommend for; null: the run's own, if it has one.</param>
    /// <param name="withinPercent">Per cent of the full ensemble's bits per byte that a cheaper point may lose.</param>
    public ReportModel Analyse(string directory, ServiceObjective? objective, IReadOnlyList<double> withinPercent) =>
        Points.Count == 0 ? this : this with
        {
            Analysis = CostModel.Analyse(Points, Quality, ObjectiveShare.With(
                new AnalysisOptions { Objective = objective, WithinPercent = withinPercent }, directory, Description?.Objective)),
        };
}
