using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>What a run's directory holds of measurements.</summary>
/// <param name="Directory">As it was named.</param>
/// <param name="Quality">Null if the run has none.</param>
public sealed record MeasuredRun(string Directory, RunDescription Description, IReadOnlyList<PointResult> Points, QualityTable? Quality)
{
    /// <summary>Points that are damaged and were left out, and why.</summary>
    public IReadOnlyList<string> Faults { get; init; } = [];

    /// <exception cref="LoadTestException">No directory, no run in it, no point that can be read, other
    /// damage, or a run of a later program.</exception>
    public static MeasuredRun Load(string directory)
    {
        if (!System.IO.Directory.Exists(directory))
            throw new LoadTestException($"{directory}: no such directory; name one that btx loadtest sweep or run wrote");
        string At(string name) => Path.Combine(directory, name);
        if (!File.Exists(At(RunDirectory.Description)))
            throw new LoadTestException($"{directory} holds no {RunDirectory.Description}: it is not a run's directory");
        var description = RunJson.Read<RunDescription>(At(RunDirectory.Description));
        if (description.Schema != RunDescription.CurrentSchema)
            throw new LoadTestException($"{At(RunDirectory.Description)} has schema {description.Schema}, this program reads "
                + $"{RunDescription.CurrentSchema}; read it with the program that wrote it");
        var faults = new List<string>();
        var points = File.Exists(At(RunDirectory.Points)) ? PointLines.Read(At(RunDirectory.Points), faults) : [];
        if (points.Count == 0 && faults.Count > 0) throw new LoadTestException($"{directory} holds no point that can be read: {faults[0]}");
        if (points.Count == 0)
            throw new LoadTestException($"{directory} holds no measured point ({RunDirectory.Points}); the same "
                + "sweep command goes on where it was stopped");
        if (description.Machine is null || description.Load is null)
            throw new LoadTestException($"{At(RunDirectory.Description)} names no machine or no load: it is damaged");
        var quality = File.Exists(At(RunDirectory.Quality)) ? RunJson.Read<QualityTable>(At(RunDirectory.Quality)) : null;
        if (quality is not null && (quality.BitsPerByte is null || quality.Perplexity is null || quality.BitsPerByte.Values.Concat(
            quality.Perplexity.Values).Any(d => d is null || d.Values.Any(v => !(v > 0 && double.IsFinite(v))))))
            throw new LoadTestException($"{At(RunDirectory.Quality)} has figures that are missing or not above zero: it is damaged");
        return new MeasuredRun(directory, description, points, quality) { Faults = faults };
    }

    /// <summary>Fits, frontiers and recommendations for the run's own objective, or for another one from the request records.</summary>
    public CostAnalysis Analyse(AnalysisOptions options)
    {
        var objective = options.Objective ?? Description.Objective;
        if (objective is null) return CostModel.Analyse(Points, Quality, options);
        return CostModel.Analyse(Points, Quality, objective == Description.Objective ? options with { Objective = objective }
            : options with { Objective = objective, ShareMet = ObjectiveShare.FromRecords(Directory, objective) });
    }
}
