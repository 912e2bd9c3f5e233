namespace Btx.LoadTests.Report;

/// <summary>The answer: how many experts to run, on the first screen.</summary>
/// <param name="Answer">What to run, or why that cannot be said.</param>
/// <param name="Picture">Cost and quality at the load of the answer; null without one.</param>
public sealed record Headline(string Answer, IReadOnlyList<string> Reasons, ReportTable Facts, ReportTable Loads, Figure? Picture)
{
    public static Headline Of(ReportModel model, IReadOnlyList<Figure> pictures)
    {
        var all = model.Analysis?.Recommendations ?? [];
        var objective = all.Where(r => r.Kind == Recommendation.ForObjective).OrderBy(r => r.Point is null).FirstOrDefault();
        // Of the loads, the heaviest closed one: what is right for an idle server need not be right for a busy one.
        var within = all.Where(r => r.Kind == Recommendation.WithinEnsemble && r.Point is not null)
            .OrderBy(r => Settings(model, r)?.Concurrency ?? 0).ThenBy(r => -r.WithinPercent).LastOrDefault();
        Recommendation[] stands = [.. new[] { objective, within }.OfType<Recommendation>()];
        var picture = pictures.FirstOrDefault(p => within is not null && p.Title.EndsWith($" at {within.Where}", StringComparison.Ordinal))
            ?? (pictures.Count > 0 ? pictures[0] : null);
        return stands.Length == 0 ? new(Without(model), [.. Caveats(model)], new([], []), new([], []), null)
            : new(string.Join(" ", stands.Select(r => Answered(model, r))), [.. Caveats(model)],
                Figures(model, stands), ByLoad(model, all), picture);
    }

    private static string Answered(ReportModel model, Recommendation r)
    {
        var settings = Settings(model, r);
        var what = Name(model, r) + (r.Mode == "ensemble" && settings?.K is { } k ? $" (all {k} experts)" : "");
        var load = settings is not null ? $", with {PointLabels.Load(settings)}" : "";
        if (r.Kind == Recommendation.ForObjective && r.Point is null) return "Nothing that was measured meets the objective.";
        if (r.Kind == Recommendation.ForObjective)
            return (model.Quality is null ? "Within the objective (how good the models are is not known)"
                : "For the best quality within the objective")
                + $", run {what}{(r.WithinNoise ? ", which missed it in some repeat" : "")}{load}.";
        var limit = $"within {Amount.Of(r.WithinPercent)} % of the full ensemble's quality";
        if (r.Undecided)
            return $"This run cannot tell what costs least {limit}{load}: {r.Alike} settings that qualify cost alike beside its noise. "
                + $"The cheap, safe choice among them runs the fewest experts: {what}.";
        var next = Measured(model, r.RunnerUp);
        return $"For the lowest cost {limit}, run {what}"
            + (r.WithinNoise && next is not null ? $", which cannot be told from {model.Labels.Model(next.Settings)}" : "") + $"{load}.";
    }

    private static IEnumerable<string> Caveats(ReportModel model)
    {
        if (model.Description?.Command.Split(' ').Contains("--quick") == true)
            yield return "A run with `--quick`: short times and few points. It shows that the chain works; its figures mean little.";
        if (model.Points.Count > 0)
            yield return RunSections.Noise(model)
                ?? "Noise: not known, because nothing was measured twice; nothing says which differences are more than chance.";
    }

    private static string Without(ReportModel model) => "No recommendation. " + (model.Points.Count == 0 ? model.Absent(RunDirectory.Points)
        : model.Points.All(p => p.Summary.Requests == p.Summary.Failed) ? ReportModel.NoSuccess
        : model.Quality is null ? model.Absent(RunDirectory.Quality)
        : !(model.Analysis?.Frontiers.Count > 0) ? "No measured point has both a cost and a quality."
        : !model.Quality.BitsPerByte.Keys.Any(k => k.StartsWith("ensemble@", StringComparison.Ordinal))
            ? "The quality of the full ensemble, which others are held against, is not known: measure mode `ensemble` too, or name an "
                + "`--objective`."
        : "Only one model was measured: there is nothing to choose from.");

    private static MeasuredSettings? Measured(ReportModel model, string? name) => model.Measurements.FirstOrDefault(m => m.Name == name);

    private static PointSettings? Settings(ReportModel model, Recommendation r) => Measured(model, r.Point)?.Settings;

    private static string Name(ReportModel model, Recommendation r) =>
        Settings(model, r) is { } settings ? model.Labels.Model(settings) : r.Point ?? "nothing";

    private static ReportTable Figures(ReportModel model, IEnumerable<Recommendation> recommended)
    {
        var points = recommended.Select(r => Measured(model, r.Point)).OfType<MeasuredSettings>().Distinct();
        var quality = (model.Analysis?.Frontiers ?? []).SelectMany(f => f.Points).ToLookup(p => p.Name, p => (double?)p.BitsPerByte);
        return new(["", "tokens/s", "first token, p50 (ms)", "between tokens, mean (ms)", "end to end, p99 (ms)", "bits per byte"],
            [.. points.Select(m => (string[])[model.Labels.Full(m.Settings), Amount.Of(m.Of(s => (double?)s.TokensPerSecond)?.Value),
                Amount.Of(m.Of(s => s.TimeToFirstToken?.P50)?.Value * 1e3), Amount.Of(m.Of(s => s.InterToken?.Mean)?.Value * 1e3),
                Amount.Of(m.Of(s => s.EndToEnd?.P99)?.Value * 1e3), Amount.Of(quality[m.Name].FirstOrDefault())])]);
    }

    private static ReportTable ByLoad(ReportModel model, IReadOnlyList<Recommendation> all) => new(
        ["at", "asked for", "run", "meet the objective", "requests/s", "a token (ms)", "of the ensemble's cost", "bits per byte",
            "beside the ensemble's", "next", "costs more by", ""],
        [.. all.OrderBy(r => r.Where, StringComparer.Ordinal).ThenBy(r => r.WithinPercent).Select(r => (string[])
            [r.Where, r.WithinPercent is { } percent ? $"cheapest within {Amount.Of(percent)} % of the ensemble"
                : "best quality within the objective",
                Name(model, r), r.ShareMet is { } met ? Quantity.Percent(met) : "", r.RequestsPerSecond is { } rate ? Amount.Of(rate) : "",
                r.Cost is { } cost ? Amount.Of(cost * 1e3) : "", r.OfEnsemblesCost is { } share ? Quantity.Percent(share) : "",
                r.BitsPerByte is { } bits ? Amount.Of(bits) : "", r.Loss is { } loss ? Wording.More(1 + loss) : "", r.RunnerUp ?? "",
                r.RunnerUpCost is { } next ? Quantity.Percent((next / r.Cost!.Value) - 1) : "", Note(r)])]);

    private static string Note(Recommendation r) => r.Point is null ? r.Sentence[(r.Where.Length + 2)..]
        : r.Undecided ? $"{r.Alike} cost alike; the fewest experts"
        : r.WithinNoise && r.Kind == Recommendation.WithinEnsemble ? "within the noise of the next"
        : r.WithinNoise ? "missed the objective in some repeat"
        : r.Told is { } told ? $"where the caller names the domain: {told}" : "";
}
