using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Everything that is fitted to a run's points.</summary>
public static class CostModel
{
    /// <param name="quality">Null: no frontiers, and no recommendations by quality.</param>
    public static CostAnalysis Analyse(IReadOnlyList<PointResult> points, QualityTable? quality, AnalysisOptions options)
    {
        var notes = new List<string>();
        var noise = NoiseFigures.Of(points);
        if (noise.Count == 0) notes.Add("nothing was measured twice: the noise is not known, and no difference can be called significant");
        var measured = MeasuredSettings.Group(points);
        foreach (var p in points.Where(p => p.Summary.Failed > 0))
            notes
                .Add($"{p.Settings.Name}, repeat {p.Repeat + 1}: {p.Summary.Failed} of {p.Summary.Requests} "
                    + "requests failed; the figures are of the others");
        if (quality is null) notes.Add("no quality: no frontier");
        var frontiers = quality is null ? [] : Frontiers.Of(measured, quality, noise, notes);
        return new CostAnalysis
        {
            Noise = noise,
            Lines = LineFitting.Fit(measured, noise, options.Tolerance, notes),
            Unions = UnionFitting.Fit(measured, noise, options.Tolerance),
            Curves = LoadCurves.Of(measured, options),
            Frontiers = frontiers,
            Recommendations =
            [
                .. Recommendations.ForObjective(measured, quality, options, notes),
                .. quality is null ? [] : options.WithinPercent.SelectMany((
                    percent, i) => Recommendations.Within(frontiers, quality, percent, i == 0 ? notes : [])),
            ],
            Notes = notes,
        };
    }
}
