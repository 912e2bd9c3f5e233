namespace Btx.LoadTests.Records;

/// <summary>What a run's directory holds; any part may be missing.</summary>
public record RunFiles(string Directory)
{
    private static readonly string[] s_files =
        [RunDirectory.Description, RunDirectory.Points, RunDirectory.Quality, RunDirectory.Change, RunDirectory.CeilingFile];

    /// <summary>Last part of the directory's full path.</summary>
    public string Name { get; init; } = Directory;

    public RunDescription? Description { get; init; }

    public IReadOnlyList<PointResult> Points { get; init; } = [];

    public QualityTable? Quality { get; init; }

    public ChangeTimeline? Change { get; init; }

    public Ceiling? Ceiling { get; init; }

    /// <summary>Files and lines that are there and cannot be read, and why.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <summary>Names of the files that a fault is of: <see cref="RunDirectory"/>.</summary>
    public IReadOnlyList<string> Damaged { get; init; } = [];

    /// <exception cref="LoadTestException">There is no such directory, or it holds nothing of a run.</exception>
    public static RunFiles Read(string directory)
    {
        const string Remedy = "name one that btx loadtest sweep or run wrote";
        if (!System.IO.Directory.Exists(directory)) throw new LoadTestException($"{directory}: no such directory; {Remedy}");
        string At(string file) => Path.Combine(directory, file);
        if (!s_files.Any(f => File.Exists(At(f))))
            throw new LoadTestException($"{directory} holds none of {string.Join(", ", s_files)}; {Remedy}");
        List<string> lines = [], faults = [];
        T? Part<T>(string file, Func<string, T> read, Predicate<T> isWhole) where T : class
        {
            if (!File.Exists(At(file))) return null;
            try
            {
                if (read(At(file)) is var part && isWhole(part)) return part;
                faults.Add($"{At(file)} lacks figures or names: it is damaged");
            }
            catch (LoadTestException e)
            {
                faults.Add(e.Message);
            }

            return null;
        }

        var points = Part(RunDirectory.Points, path => RunJson.ReadLines<PointResult>(path, lines, WholeRecord.Is), _ => true);
        faults.AddRange(lines.Select(line => $"{line}; it is left out"));
        if (points is null) faults.AddRange(UnfinishedLoads(At(RunDirectory.Requests)));
        return new(directory)
        {
            Name = Path.GetFileName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(directory))),
            Points = points ?? [],
            Description = Part(RunDirectory.Description, RunJson.Read<RunDescription>, _ => true),
            Quality = Part(RunDirectory.Quality, RunJson.Read<QualityTable>, WholeRecord.Is),
            Change = Part(RunDirectory.Change, RunJson.Read<ChangeTimeline>, WholeRecord.Is),
            Ceiling = Part(RunDirectory.CeilingFile, RunJson.Read<Ceiling>, c => c.TokensPerSecond > 0),
            Faults = faults,
            Damaged = [.. s_files.Where(f => faults.Any(m => m.StartsWith(At(f), StringComparison.Ordinal)))],
        };
    }

    /// <summary>For the objective that is asked for, or the run's own; another one than that is counted in the request records.</summary>
    public CostAnalysis Analyse(AnalysisOptions options)
    {
        var own = Description?.Objective;
        if ((options.Objective ?? own) is not { } objective) return CostModel.Analyse(Points, Quality, options);
        var share = objective == own ? options.ShareMet : ObjectiveShare.FromRecords(Directory, objective);
        return CostModel.Analyse(Points, Quality, options with { Objective = objective, ShareMet = share });
    }

    // Loads that were killed: their requests are on disk, their figures are not.
    private static IEnumerable<string> UnfinishedLoads(string requests) => !System.IO.Directory.Exists(requests) ? [] :
        from file in System.IO.Directory.GetFiles(requests, "*.jsonl").Order(StringComparer.Ordinal)
        let records = File.ReadLines(file).Count(line => line.EndsWith('}'))
        where records > 0
        select $"{file} holds {records} requests of a load that ended before its figures were written: measure it again";
}

/// <summary>Whether what was read has everything that is computed with.</summary>
internal static class WholeRecord
{
    public static bool Is(QualityTable quality) => quality.BitsPerByte.Values.Concat(quality.Perplexity.Values)
        .All(domains => domains is not null && domains.Values.All(v => v > 0 && double.IsFinite(v)));

    public static bool Is(ChangeTimeline change) =>
        !change.Windows.Contains(null!) && change.Changes.All(c => c?.Phases.Contains(null!) == false);

    public static bool Is(PointResult p) => p is { Settings: { Mode.Length: > 0 } settings, Summary: { Requests: >= 0, Failed: >= 0 } s }
        && (settings.Rate is > 0 || settings.Concurrency is > 0)
        && (settings.K ?? 1) > 0 && (p.Experts ?? 0) >= 0 && (p.MixtureExperts ?? 0) >= 0 && s.Failed <= s.Requests
        && Numbers(s.Seconds, s.TokensPerSecond, s.RequestsPerSecond, s.OfferedPerSecond, s.GoodputPerSecond, settings.Rate)
        && new[] { s.TimeToFirstToken, s.InterToken, s.EndToEnd, s.EndToEndFromSent }
            .All(l => l is null || Numbers(l.P50.Value, l.P90.Value, l.P99.Value, l.Mean))
        && (p.Server is not { } v || Numbers(v.DecodeSteps, v.DecodeSeconds, v.MeanBatch, v.DistinctExperts, v.DistinctMixtureExperts));

    private static bool Numbers(params double?[] values) => values.All(v => v is null || (double.IsFinite(v.Value) && v >= 0 && v < 1e100));
}
