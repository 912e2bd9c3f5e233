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

    /// <summary>In the order of the settings' names, k by value.</summary>
    public IReadOnlyList<MeasuredSettings> Measurements => field ??=
    [
        .. Points.GroupBy(p => p.Settings.Name, StringComparer.Ordinal)
            .Select(g => new MeasuredSettings(g.First().Settings, [.. g.OrderBy(p => p.Order)]))
            .OrderBy(m => Modes.Rank(m.Settings.Mode)).ThenBy(m => m.Settings.Mode, StringComparer.Ordinal).ThenBy(m => m.Settings.K)
            .ThenBy(m => m.Settings.Concurrency).ThenBy(m => m.Settings.Rate).ThenBy(m => m.Name, StringComparer.Ordinal),
    ];

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

    /// <summary>What the absence or damage of one of <see cref="RunDirectory"/>'s files means, and the command that makes it.</summary>
    public string Absent(string file) => Damaged.Contains(file) ? Damage(file) : file switch
    {
        RunDirectory.Points => $"No point was measured: {file} is missing or empty. `btx loadtest sweep … --out RUN` measures the grid, "
            + "`btx loadtest run … --out RUN` one load.",
        RunDirectory.Quality => "How good the models are is not known: "
            + $"{(Quality is null ? $"there is no {file}" : $"{file} holds no figure")}. `btx loadtest sweep … --evaluation FILE --out "
            + "RUN` takes it from the JSON of `btx evaluate`; `--quality-tokens N` measures it through the server.",
        RunDirectory.Change => $"No expert was added or removed under load: there is no {file}. `btx loadtest sweep --forest DIR … --out "
            + "RUN` ends with changes, unless `--change none` says otherwise.",
        RunDirectory.CeilingFile => $"What the generator itself can do is not known: there is no {file}. `btx loadtest ceiling --json "
            + $"RUN/{file}` measures it.",
        _ => $"What the run was asked to do is not known: there is no {file}.",
    };

    public const string NoSuccess = "No request succeeded: there is nothing to draw. The section on failures says why.";

    public static string Damage(string file) => $"{file} is there and cannot be read: nothing of it is reported. The section on what is "
        + "missing says where it is damaged.";

    /// <summary>What a section that needs points lacks: all of them, or something else.</summary>
    public IReadOnlyList<string> Lacks(bool found, string otherwise) =>
        found ? [] : [Points.Count == 0 ? Absent(RunDirectory.Points) : otherwise];

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
