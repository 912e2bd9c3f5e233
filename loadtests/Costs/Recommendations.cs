using Btx.Cli;
using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>Which mode and k to run.</summary>
public static class Recommendations
{
    // The widest first: the ensemble that others are held against.
    private static readonly string[] Precisions = ["fp32", "fp16", "bf16", "int8", "int4"];

    /// <summary>The lowest cost within some per cent of the full ensemble's bits per byte, for each load.</summary>
    public static IEnumerable<Recommendation> Within(IReadOnlyList<Frontier> frontiers, QualityTable quality, double percent,
        ICollection<string> notes)
    {
        var precision = Precisions.FirstOrDefault(p => quality.BitsPerByte.ContainsKey(QualityKey.Of("ensemble", null, p)));
        if (precision is null)
        {
            notes.Add("the quality of the full ensemble is not known: no recommendation within some per cent of it");
            yield break;
        }

        var ensemble = quality.BitsPerByte[QualityKey.Of("ensemble", null, precision)];
        foreach (var frontier in frontiers)
        {
            string[] domains = [.. frontier.Domains.Where(ensemble.ContainsKey)];
            if (domains.Length == 0) continue;
            // nothing to choose from
            if (frontier.Points.Select(p => QualityKey.Of(p.Mode, p.K, p.Precision)).Distinct().Count() < 2) continue;
            var full = Frontiers.Mean(ensemble, domains);
            double Loss(FrontierPoint p) => (Frontiers.Mean(p.BitsPerByteOfDomains, domains) / full) - 1;
            FrontierPoint[] within = [.. frontier.Points.Where(p => Loss(p) <= percent / 100)];
            var own = frontier.Points.FirstOrDefault(p => p.Mode == "ensemble" && p.Precision == precision);
            if (within.Length == 0)
            {
                var nearest = frontier.Points.MinBy(Loss)!;
                yield return new Recommendation
                {
                    Kind = Recommendation.WithinEnsemble,
                    Where = frontier.Where,
                    WithinPercent = percent,
                    Sentence = $"{frontier.Where}: nothing measured is within {percent:0.##} % of the full ensemble's bits per byte "
                        + $"({full:F3}); the nearest is {nearest.Name}, {Wording.More(1 + Loss(nearest))}",
                };
                continue;
            }

            FrontierPoint[] qualify = within.All(p => IsTold(p.Mode)) ? [within[0]] : [.. within.Where(p => !IsTold(p.Mode))];
            FrontierPoint[] ties = [.. qualify.Where(p => p == qualify[0] || qualify[0].CostsAlike.Contains(p.Name))];
            var undecided = ties.Length > 1 && 2 * (ties.Length - 1) > qualify.Length - 1;
            var best = undecided ? ties.OrderBy(p => p.K ?? int.MaxValue).ThenBy(Loss).First() : qualify[0];
            var next = undecided ? ties.First(p => p != best) : qualify.Skip(1).FirstOrDefault();
            var told = within.FirstOrDefault(p => IsTold(p.Mode) && p != best && p.Cost.Value < best.Cost.Value);
            var alike = next is not null && best.CostsAlike.Contains(next.Name);
            var saved = own is null || own.Name == best.Name || (undecided && ties.Contains(own)) ? ""
                : $", {Quantity.Percent(best.Cost.Value / own.Cost.Value)} of the ensemble's {Quantity.Seconds(own.Cost.Value)}";
            var chosen = undecided
                ? $"this run cannot tell what costs least within {percent:0.##} % of the full ensemble's quality: "
                    + $"{(ties.Length == qualify.Length ? "all" : $"{ties.Length} of the")} {qualify.Length} settings that qualify "
                    + $"cost alike beside the noise, {Quantity.Seconds(ties[0].Cost.Value)} ({ties[0].Name}) to "
                        + $"{Quantity.Seconds(ties[^1].Cost.Value)} ({ties[^1].Name}) a token; of these {best.Name} runs the fewest experts"
                : $"{best.Name} costs least within {percent:0.##} % of the full ensemble's quality";
            yield return new Recommendation
            {
                Kind = Recommendation.WithinEnsemble,
                Point = best.Name,
                Mode = best.Mode,
                K = best.K,
                Where = frontier.Where,
                WithinPercent = percent,
                RunnerUp = next?.Name,
                WithinNoise = undecided || alike,
                Undecided = undecided,
                Qualifying = qualify.Length,
                CostsAlike = [.. ties.Select(p => p.Name)],
                Sentence = $"{frontier.Where}: {chosen}: {Quantity.Seconds(best.Cost.Value)} a token{saved}; its bits per byte are "
                    + $"{Wording.More(1 + Loss(best))} ({full * (1 + Loss(best)):F3} against {full:F3})"
                    + (undecided ? "" : Next(best, next, alike))
                    + (told is null ? "" : $"; where the caller names the domain, {told.Name} costs {Quantity.Seconds(told.Cost.Value)}"),
            };
        }
    }

    /// <summary>The mode finds nothing out by itself: a request has to name the expert, and the quality is that of the right one.</summary>
    private static bool IsTold(string mode) => mode == "expert";

    private static string Next(FrontierPoint best, FrontierPoint? next, bool alike) => next is null ? "; no other point is within it"
        : $"; next is {next.Name}, {Wording.More(next.Cost.Value / best.Cost.Value)}" + (alike ? ", a difference within the noise" : "");

    /// <summary>The best quality among the points that meet the objective: over all loads, then for each load that was measured.</summary>
    public static IEnumerable<Recommendation> ForObjective(IReadOnlyList<MeasuredSettings> measured, QualityTable? quality,
        AnalysisOptions options, ICollection<string> notes)
    {
        if (options.Objective is not { } objective) yield break;
        var shares = measured.Select(m => (Measured: m, Share: m.Middle(options.ShareMet))).Where(m => m.Share is not null)
            .Select(m => new Candidate(m.Measured, m.Share!, Quality(m.Measured, quality))).ToArray();
        if (shares.Length == 0)
        {
            notes.Add("how many requests met the objective is not known: the run was made without one and its request records are gone");
            yield break;
        }

        yield return ForObjective("any load that was measured", shares, objective);
        var loads = shares.GroupBy(c => Wording.Load(c.Measured.Settings.Concurrency, c.Measured.Settings.Rate)).ToArray();
        if (loads.Length > 1)
            foreach (var load in loads) yield return ForObjective(load.Key, [.. load], objective);
    }

    private static Recommendation ForObjective(string where, Candidate[] candidates, ServiceObjective objective)
    {
        var words = ObjectiveShare.Words(objective);
        Candidate[] meet = [.. candidates.Where(c => c.Share.Value >= objective.Share)];
        if (meet.Length == 0)
        {
            var nearest = candidates.MaxBy(c => c.Share.Value)!;
            return new Recommendation
            {
                Kind = Recommendation.ForObjective,
                Where = where,
                Sentence = $"{where}: nothing meets {words}; the nearest is {nearest.Measured.Name} with "
                    + $"{Quantity.Percent(nearest.Share.Value)} of requests, "
                    + $"{(objective.Share - nearest.Share.Value) * 100:0.#} points "
                        + $"short{ObjectiveShare.Misses(nearest.Measured, objective)}",
            };
        }

        // Equal quality at several loads: the one that serves most.
        var ranked = meet.OrderBy(c => IsTold(c.Measured.Settings.Mode)).ThenBy(c => c.BitsPerByte ?? double.PositiveInfinity)
            .ThenByDescending(c => c.Measured.Middle(p => p.Summary.RequestsPerSecond)!.Value).ToArray();
        var best = ranked[0];
        var next = ranked.FirstOrDefault(c => QualityKey.Of(c.Measured.Settings) != QualityKey.Of(best.Measured.Settings));
        var sure = best.Share.Low >= objective.Share;
        var settings = best.Measured.Settings;
        var because = best.BitsPerByte is { } bits ? $"the best quality ({bits:F3} bits per byte)" : "the highest throughput";
        var rank = meet.Length == 1 ? $"the only one that does, of {candidates.Length}"
            : $"with {because} of {meet.Length} that do, of {candidates.Length}"
            + (best.BitsPerByte is null ? " (no quality is known)" : "");
        return new Recommendation
        {
            Kind = Recommendation.ForObjective,
            Point = best.Measured.Name,
            Mode = settings.Mode,
            K = settings.K,
            Where = where,
            RunnerUp = next?.Measured.Name,
            WithinNoise = !sure,
            Sentence = $"{where}: {best.Measured.Name} meets {words}, {rank}; {Quantity.Percent(best.Share.Value)} of requests at "
                + $"{Quantity.Figures(best.Measured.Middle(p => p.Summary.RequestsPerSecond)!.Value)} requests/s ({Wording.Where(settings)})"
                + (next is null ? "" : $"; next is {next.Measured.Name}"
                + (next.BitsPerByte is { } b && best.BitsPerByte is { } a ? $", bits per byte {Wording.More(b / a)}" : ""))
                + (sure ? "" : $"; not in every repeat: {Quantity.Percent(best.Share.Low!.Value)} in the worst"),
        };
    }

    private static double? Quality(MeasuredSettings measured, QualityTable? quality) =>
        quality is not null && quality.BitsPerByte.TryGetValue(QualityKey.Of(measured.Settings), out var of) && of.Count > 0
        ? of.Values.Average() : null;

    private sealed record Candidate(MeasuredSettings Measured, Estimate Share, double? BitsPerByte);
}
