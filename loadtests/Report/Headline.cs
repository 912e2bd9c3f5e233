using Btx.Cli;
using Btx.LoadTests.Costs;
using Btx.LoadTests.Records;
using Btx.LoadTests.Report.Sections;

namespace Btx.LoadTests.Report;

/// <summary>The answer: how many experts to run, on the first screen.</summary>
/// <param name="Answer">What to run, or why that cannot be said.</param>
/// <param name="Reasons">How far to trust it, then the recommendations that it stands on.</param>
/// <param name="Facts">Figures of the recommended points.</param>
/// <param name="Loads">What to run at each load.</param>
public sealed record Headline(string Answer, IReadOnlyList<string> Reasons, ReportTable Facts, ReportTable Loads)
{
    /// <summary>Cost and quality at the load of the answer; null without one.</summary>
    public Figure? Picture { get; init; }

    private static readonly ReportTable s_nothing = new([], []);

    /// <param name="pictures">Of cost and quality.</param>
    public static Headline Of(ReportModel model, IReadOnlyList<Figure> pictures)
    {
        var all = model.Analysis?.Recommendations ?? [];
        var objective = all.Where(r => r.Kind == Recommendation.ForObjective).OrderBy(r => r.Point is null).FirstOrDefault();
        // Of the loads, the heaviest closed one: what is right for an idle server need not be right for a busy one.
        var within = all.Where(r => r.Kind == Recommendation.WithinEnsemble && r.Point is not null)
            .OrderBy(r => Settings(model, r)?.Concurrency ?? 0).ThenBy(r => -r.WithinPercent).LastOrDefault();
        Recommendation[] stands = [.. new[] { objective, within }.OfType<Recommendation>()];
        string[] answers = [.. stands.Select(r => Answered(model, r))];
        return stands.Length == 0 ? new(Without(model), [.. Caveats(model)], s_nothing, s_nothing)
            : new(string.Join(" ", answers), [.. Caveats(model), .. stands.Select(r => r.Sentence)], Figures(model,
            [.. stands.Where(r => r.Point is not null)]), ByLoad(model, all))
            {
                Picture = pictures.FirstOrDefault(p => within is not null
            && p.Title.EndsWith($" at {within.Where}", StringComparison.Ordinal)) ?? (pictures.Count > 0 ? pictures[0] : null)
            };
    }

    private static string Answered(ReportModel model, Recommendation r)
    {
        var what = r.Point is null ? ""
            : Name(model, r) + (r.Mode == "ensemble" && Settings(model, r)?.K is { } all ? $" (all {all} experts)" : "");
        var with = Settings(model, r) is { } load ? $", with {PointLabels.Load(load)}" : "";
        if (r.Kind == Recommendation.ForObjective)
            return r.Point is null ? "Nothing that was measured meets the objective."
                : $"{(model.Quality is null ? "Within the objective (how good the models are is not known)" : "For the best quality within "
                    + "the objective")}, run {what}{(r.WithinNoise ? ", which missed it in some repeat" : "")}{with}.";
        if (r.Undecided)
            return $"This run cannot tell what costs least within {Amount.Of(r.WithinPercent)} % of the full ensemble's quality{with}: "
                + $"{(r.CostsAlike.Count == r.Qualifying ? "all" : $"{r.CostsAlike.Count} of the")} {r.Qualifying} settings that qualify "
                + $"cost alike beside its noise. The cheap, safe choice among them runs the fewest experts: {what}.";
        var unsure = r is { WithinNoise: true, RunnerUp: not null }
            ? ", which cannot be told from "
                + $"{(model.Measurements.FirstOrDefault(m => m.Name == r.RunnerUp) is { } next ? model.Labels.Model(next.Settings) : r.RunnerUp)}"
            : "";
        return $"For the lowest cost within {Amount.Of(r.WithinPercent)} % of the full ensemble's quality, run {what}{unsure}{with}.";
    }

    /// <summary>What the reader has to know before any figure.</summary>
    private static IEnumerable<string> Caveats(ReportModel model)
    {
        if (model.Description?.Command.Split(' ').Contains("--quick") == true)
            yield return "A run with `--quick`: short times and few points. It shows that the chain works; its figures mean little.";
        if (model.Points.Count > 0)
            yield return TrustSection.Noise(model)
                ?? "Noise: not known, because nothing was measured twice; nothing says which differences are more than chance.";
    }

    private static string Without(ReportModel model) =>
        "No recommendation. " + (model.Points.Count == 0 ? Absent.Points(model)
            : model.Points.All(p => p.Summary.Requests == p.Summary.Failed) ? Absent.Failures
            : model.Quality is null ? Absent.Quality(model)
            : !(model.Analysis?.Frontiers.Count > 0) ? "No measured point has both a cost and a quality."
            : !model.Quality.BitsPerByte.Keys.Any(k => k.StartsWith("ensemble@", StringComparison.Ordinal))
            ? "The quality of the full ensemble, which others are held against, is not known: measure "
                + "mode `ensemble` too, or name an `--objective`."
            : "Only one model was measured: there is nothing to choose from.");

    private static PointSettings? Settings(ReportModel model, Recommendation r) =>
        model.Measurements.FirstOrDefault(m => m.Name == r.Point)?.Settings;

    private static string Name(ReportModel model, Recommendation r) => Settings(model, r) is { } settings ? model.Labels.Model(settings)
        : r.Point ?? Quantity.None;

    private static ReportTable Figures(ReportModel model, Recommendation[] recommended)
    {
        var points = recommended.Select(r => model.Measurements.FirstOrDefault(m => m.Name == r.Point)).OfType<Measurement>()
            .Distinct().ToArray();
        var quality = (model.Analysis?.Frontiers ?? []).SelectMany(f => f.Points).GroupBy(p => p.Name).ToDictionary(g => g.Key,
            g => g.First().BitsPerByte);
        return new(["", "tokens/s", "first token, p50 (ms)", "between tokens, mean (ms)", "end to end, p99 (ms)", "bits per byte"],
        [
            .. points.Select(m => (string[])
            [
                model.Labels.Full(m.Settings), Amount.Of(m.Of(s => (double?)s.TokensPerSecond)?.Value),
                    Amount.Of(m.Of(s => s.TimeToFirstToken?.P50)?.Value * 1e3), Amount.Of(m.Of(s => s.InterToken?.Mean)?.Value * 1e3),
                Amount.Of(m.Of(s => s.EndToEnd?.P99)?.Value * 1e3),
                    quality.TryGetValue(m.Name, out var bits) ? Amount.Of(bits) : Quantity.None,
            ]),
        ]);
    }

    private static ReportTable ByLoad(ReportModel model, IReadOnlyList<Recommendation> all)
    {
        var percents = all.Select(r => r.WithinPercent).OfType<double>().Distinct().Order().ToArray();
        var objective = all.Any(r => r.Kind == Recommendation.ForObjective);
        string At(IEnumerable<Recommendation> here) => here.FirstOrDefault() is not { } r ? Quantity.None
            : r.Point is null ? "nothing" : Name(model, r) + (r.WithinNoise ? " *" : "");
        return new(["at", .. objective ? (string[])["best quality within the objective"] : [],
            .. percents.Select(p => $"cheapest within {Amount.Of(p)} % of the ensemble")],
        [
            .. all.GroupBy(r => r.Where).Select(g => (string[])
                [g.Key, .. objective ? (string[])[At(g.Where(r => r.Kind == Recommendation.ForObjective))] : [],
                .. percents.Select(p => At(g.Where(r => r.Kind == Recommendation.WithinEnsemble && r.WithinPercent == p)))]),
        ]);
    }
}
