using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Costs;

/// <summary>Which settings to run, and how sure that is.</summary>
public sealed record Recommendation
{
    /// <summary>The best quality among the points that meet the service objective.</summary>
    public const string ForObjective = "objective";

    /// <summary>The lowest cost within some per cent of the full ensemble's quality.</summary>
    public const string WithinEnsemble = "within";

    /// <summary><see cref="ForObjective"/> or <see cref="WithinEnsemble"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the settings; null if nothing meets what was asked.</summary>
    public string? Point { get; init; }

    public string? Mode { get; init; }

    public int? K { get; init; }

    /// <summary>The load that it was found at, in words.</summary>
    public required string Where { get; init; }

    /// <summary>Mean over the domains, where it is known.</summary>
    public double? BitsPerByte { get; init; }

    /// <summary>Name of the settings that come next, if any do.</summary>
    public string? RunnerUp { get; init; }

    /// <summary>Whether it and the runner-up cannot be told apart; for an objective: whether some repeat missed it.</summary>
    public bool WithinNoise { get; init; }

    /// <summary>What was found, for people.</summary>
    public required string Sentence { get; init; }

    /// <summary>For an objective: share of requests that met it, and what is served there.</summary>
    public double? ShareMet { get; init; }

    /// <inheritdoc cref="ShareMet"/>
    public double? RequestsPerSecond { get; init; }

    /// <summary>Within some per cent of the ensemble (as the rest is): the per cent.</summary>
    public double? WithinPercent { get; init; }

    /// <summary>Seconds a token.</summary>
    public double? Cost { get; init; }

    /// <summary>Cost over the full ensemble's, where that was measured at this load and is not alike.</summary>
    public double? OfEnsemblesCost { get; init; }

    public double? RunnerUpCost { get; init; }

    /// <summary>Bits per byte over the full ensemble's, less 1.</summary>
    public double? Loss { get; init; }

    /// <summary>Settings of mode <c>expert</c> that cost less, for callers that name the domain.</summary>
    public string? Told { get; init; }

    /// <summary>Most of the settings that qualify cost alike beside the noise, so that the run cannot tell which costs least. The point is
    /// then the one of them with the fewest experts, and the runner-up the one whose figure is the lowest of the others.</summary>
    public bool Undecided { get; init; }

    /// <summary>How many settings qualify; those of mode <c>expert</c> count only where they alone do.</summary>
    public int Qualifying { get; init; }

    /// <summary>Names of those that qualify and whose cost cannot be told from the lowest, in ascending order of cost; that one
    /// first.</summary>
    public IReadOnlyList<string> CostsAlike { get; init; } = [];

    /// <summary><c>all 4</c> or <c>3 of the 5</c> that qualify.</summary>
    internal string Alike => CostsAlike.Count == Qualifying ? $"all {Qualifying}" : $"{CostsAlike.Count} of the {Qualifying}";
}

/// <summary>Which mode and k to run.</summary>
public static class Recommendations
{
    // The widest first: the ensemble that others are held against.
    private static readonly string[] Precisions = ["fp32", "fp16", "bf16", "int8", "int4"];

    /// <summary>The lowest cost within some per cent of the full ensemble's bits per byte, for each load.</summary>
    public static IEnumerable<Recommendation> Within(IReadOnlyList<Frontier> frontiers, QualityTable quality, double percent,
        ICollection<string> notes)
    {
        if (Precisions.FirstOrDefault(p => quality.BitsPerByte.ContainsKey(QualityKey.Of("ensemble", null, p))) is { } precision)
            return frontiers.Select(f => Within(f, quality.BitsPerByte[QualityKey.Of("ensemble", null, precision)], precision, percent))
                .OfType<Recommendation>();
        notes.Add("the quality of the full ensemble is not known: no recommendation within some per cent of it");
        return [];
    }

    /// <summary>Null where there is nothing to choose from.</summary>
    private static Recommendation? Within(Frontier frontier, IReadOnlyDictionary<string, double> ensemble, string precision, double percent)
    {
        string[] domains = [.. frontier.Domains.Where(ensemble.ContainsKey)];
        if (domains.Length == 0 || frontier.Points.Select(p => QualityKey.Of(p.Mode, p.K, p.Precision)).Distinct().Count() < 2) return null;
        var full = Frontiers.Mean(ensemble, domains);
        double Loss(FrontierPoint p) => (Frontiers.Mean(p.BitsPerByteOfDomains, domains) / full) - 1;
        var limit = $"within {percent:0.##} % of the full ensemble's";
        var found = new Recommendation
        {
            Kind = Recommendation.WithinEnsemble,
            Where = frontier.Where,
            WithinPercent = percent,
            Sentence = "",
        };
        FrontierPoint[] within = [.. frontier.Points.Where(p => Loss(p) <= percent / 100)];
        if (within.Length == 0)
        {
            var nearest = frontier.Points.MinBy(Loss)!;
            return found with
            {
                Sentence = $"{frontier.Where}: nothing measured is {limit} bits per byte ({full:F3}); the nearest is {nearest.Name}, "
                    + Wording.More(1 + Loss(nearest)),
            };
        }

        FrontierPoint[] qualify = within.All(p => IsTold(p.Mode)) ? [within[0]] : [.. within.Where(p => !IsTold(p.Mode))];
        FrontierPoint[] ties = [.. qualify.Where(p => p == qualify[0] || qualify[0].CostsAlike.Contains(p.Name))];
        var undecided = ties.Length > 1 && 2 * (ties.Length - 1) > qualify.Length - 1;
        var best = undecided ? ties.OrderBy(p => p.K ?? int.MaxValue).ThenBy(Loss).First() : qualify[0];
        var next = undecided ? ties.First(p => p != best) : qualify.Skip(1).FirstOrDefault();
        var own = frontier.Points.FirstOrDefault(p => p.Mode == "ensemble" && p.Precision == precision && p != best
            && !(undecided && ties.Contains(p)));
        found = found with
        {
            Point = best.Name,
            Mode = best.Mode,
            K = best.K,
            BitsPerByte = full * (1 + Loss(best)),
            RunnerUp = next?.Name,
            WithinNoise = undecided || (next is not null && best.CostsAlike.Contains(next.Name)),
            Cost = best.Cost.Value,
            OfEnsemblesCost = best.Cost.Value / own?.Cost.Value,
            RunnerUpCost = next?.Cost.Value,
            Loss = Loss(best),
            Told = within.FirstOrDefault(p => IsTold(p.Mode) && p != best && p.Cost.Value < best.Cost.Value)?.Name,
            Undecided = undecided,
            Qualifying = qualify.Length,
            CostsAlike = [.. ties.Select(p => p.Name)],
        };
        return found with
        {
            Sentence = $"{frontier.Where}: " + (undecided
                ? $"this run cannot tell what costs least {limit} quality: {found.Alike} settings that qualify cost alike beside the "
                    + $"noise; of these {best.Name} runs the fewest experts"
                : $"{best.Name} costs least {limit} quality"),
        };
    }

    /// <summary>The mode finds nothing out by itself: a request has to name the expert, and the quality is that of the right one.</summary>
    private static bool IsTold(string mode) => mode == "expert";

    /// <summary>The best quality among the points that meet the objective: over all loads, then for each load that was measured.</summary>
    public static IEnumerable<Recommendation> ForObjective(IReadOnlyList<MeasuredSettings> measured, QualityTable? quality,
        AnalysisOptions options, ICollection<string> notes)
    {
        if (options.Objective is not { } objective) return [];
        double? Quality(MeasuredSettings m) => quality?.BitsPerByte.GetValueOrDefault(QualityKey.Of(m.Settings)) is { Count: > 0 } of
            ? of.Values.Average() : null;
        Candidate[] all = [.. from m in measured
                              let share = m.Middle(options.ShareMet)
                              where share is not null
                              select new Candidate(m, share, Quality(m), m.Middle(p => p.Summary.RequestsPerSecond)!.Value)];
        if (all.Length == 0)
            notes.Add("how many requests met the objective is not known: the run was made without one and its request records are gone");
        var loads = all.GroupBy(c => Wording.Load(c.Measured.Settings)).ToArray();
        return [.. all.Length == 0 ? [] : (Recommendation[])[ForObjective("any load that was measured", all, objective)],
            .. loads.Where(_ => loads.Length > 1).Select(load => ForObjective(load.Key, [.. load], objective))];
    }

    private static Recommendation ForObjective(string where, Candidate[] candidates, ServiceObjective objective)
    {
        var limits = Limits(objective).ToArray();
        var words = $"the objective ({string.Join(", ", limits.Select(l => $"{l.Name} ≤ {Quantity.Seconds(l.Limit)}"))} for "
            + $"{Quantity.Percent(objective.Share)} of requests)";
        // Equal quality at several loads: the one that serves most.
        Candidate[] meet = [.. candidates.Where(c => c.Share.Value >= objective.Share).OrderBy(c => IsTold(c.Measured.Settings.Mode))
            .ThenBy(c => c.BitsPerByte ?? double.PositiveInfinity).ThenByDescending(c => c.RequestsPerSecond)];
        if (meet.Length == 0)
        {
            var nearest = candidates.MaxBy(c => c.Share.Value)!;
            string[] missed = [.. limits.Select(l => (l.Name, l.Limit,
                P99: nearest.Measured.Middle(p => l.Of(p.Summary)?.P99.Value)?.Value))
                .Where(l => l.P99 > l.Limit)
                .Select(l => $"p99 of the {l.Name} is {Quantity.Seconds(l.P99!.Value)} against {Quantity.Seconds(l.Limit)}")];
            return new()
            {
                Kind = Recommendation.ForObjective,
                Where = where,
                Sentence = $"{where}: nothing meets {words}; the nearest is {nearest.Measured.Name} with "
                    + $"{Quantity.Percent(nearest.Share.Value)} of requests, {(objective.Share - nearest.Share.Value) * 100:0.#} points "
                        + $"short"
                    + (missed.Length == 0 ? "" : $": {string.Join(", ", missed)}"),
            };
        }

        var best = meet[0];
        return new Recommendation
        {
            Kind = Recommendation.ForObjective,
            Point = best.Measured.Name,
            Mode = best.Measured.Settings.Mode,
            K = best.Measured.Settings.K,
            Where = where,
            BitsPerByte = best.BitsPerByte,
            RunnerUp = meet.FirstOrDefault(c => QualityKey.Of(c.Measured.Settings) != QualityKey.Of(best.Measured.Settings))?.Measured.Name,
            WithinNoise = best.Share.Low < objective.Share,
            ShareMet = best.Share.Value,
            RequestsPerSecond = best.RequestsPerSecond,
            Sentence = $"{where}: of {meet.Length} of {candidates.Length} settings that meet {words}, {best.Measured.Name} has "
                + (best.BitsPerByte is null ? "the highest throughput (no quality is known)" : "the best quality"),
        };
    }

    private static IEnumerable<(string Name, double Limit, Func<LoadSummary, LatencyFigures?> Of)> Limits(ServiceObjective objective)
    {
        if (objective.TimeToFirstToken is { } first) yield return ("time to first token", first, s => s.TimeToFirstToken);
        if (objective.InterToken is { } gap) yield return ("time between tokens", gap, s => s.InterToken);
        if (objective.EndToEnd is { } end) yield return ("end-to-end time", end, s => s.EndToEnd);
    }

    private sealed record Candidate(MeasuredSettings Measured, Estimate Share, double? BitsPerByte, double RequestsPerSecond);
}
