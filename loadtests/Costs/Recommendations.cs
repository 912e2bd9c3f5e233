namespace Btx.LoadTests.Costs;

/// <summary>Which settings to run, and how sure that is. From <c>WithinPercent</c> on: of <see cref="WithinEnsemble"/> only.</summary>
/// <param name="Point">Name of the settings; null if nothing meets what was asked.</param>
/// <param name="WithinNoise">It and the runner-up cannot be told apart; for an objective: some repeat missed it.</param>
/// <param name="OfEnsemblesCost">Cost over the full ensemble's, where that was measured at this load and is not alike.</param>
/// <param name="Loss">Bits per byte over the full ensemble's, less 1.</param>
/// <param name="Told">Settings of mode <c>expert</c> that cost less, for callers that name the domain.</param>
/// <param name="Undecided">Most that qualify cost alike: the point has the fewest experts, the runner-up costs least of the others.</param>
/// <param name="Qualifying">How many settings qualify; those of mode <c>expert</c> count only where they alone do.</param>
public sealed record Recommendation(string Kind, string Where, string Sentence, string? Point = null, string? Mode = null, int? K = null,
    double? BitsPerByte = null, string? RunnerUp = null, bool WithinNoise = false, double? ShareMet = null,
    double? RequestsPerSecond = null, double? WithinPercent = null, double? Cost = null, double? OfEnsemblesCost = null,
    double? RunnerUpCost = null, double? Loss = null, string? Told = null, bool Undecided = false, int Qualifying = 0)
{
    /// <summary>The best quality that meets the service objective; the lowest cost near the full ensemble's quality.</summary>
    public const string ForObjective = "objective", WithinEnsemble = "within";

    /// <summary>Those that qualify and whose cost cannot be told from the lowest, which comes first.</summary>
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
        FrontierPoint[] within = [.. frontier.Points.Where(p => Loss(p) <= percent / 100)];
        if (within.Length == 0)
        {
            var nearest = frontier.Points.MinBy(Loss)!;
            return new(Recommendation.WithinEnsemble, frontier.Where, $"{frontier.Where}: nothing measured is {limit} bits per byte "
                + $"({full:F3}); the nearest is {nearest.Name}, {Wording.More(1 + Loss(nearest))}")
            { WithinPercent = percent };
        }

        FrontierPoint[] qualify = within.All(p => IsTold(p.Mode)) ? [within[0]] : [.. within.Where(p => !IsTold(p.Mode))];
        FrontierPoint[] ties = [.. qualify.Where(p => p == qualify[0] || qualify[0].CostsAlike.Contains(p.Name))];
        var undecided = ties.Length > 1 && 2 * (ties.Length - 1) > qualify.Length - 1;
        var best = undecided ? ties.OrderBy(p => p.K ?? int.MaxValue).ThenBy(Loss).First() : qualify[0];
        var next = undecided ? ties.First(p => p != best) : qualify.Skip(1).FirstOrDefault();
        var own = frontier.Points.FirstOrDefault(p => p.Mode == "ensemble" && p.Precision == precision && p != best
            && !(undecided && ties.Contains(p)));
        var found = new Recommendation(Recommendation.WithinEnsemble, frontier.Where, "", best.Name, best.Mode, best.K,
            full * (1 + Loss(best)), next?.Name, undecided || (next is not null && best.CostsAlike.Contains(next.Name)),
            WithinPercent: percent, Cost: best.Cost.Value, OfEnsemblesCost: best.Cost.Value / own?.Cost.Value,
            RunnerUpCost: next?.Cost.Value, Loss: Loss(best),
            Told: within.FirstOrDefault(p => IsTold(p.Mode) && p != best && p.Cost.Value < best.Cost.Value)?.Name,
            Undecided: undecided, Qualifying: qualify.Length)
        { CostsAlike = [.. ties.Select(p => p.Name)] };
        return found with
        {
            Sentence = $"{frontier.Where}: " + (undecided
                ? $"this run cannot tell what costs least {limit} quality: {found.Alike} settings that qualify cost alike beside the "
                    + $"noise; of these {best.Name} runs the fewest experts"
                : $"{best.Name} costs least {limit} quality"),
        };
    }

    /// <summary>The mode finds nothing out by itself: a request has to name the right expert.</summary>
    private static bool IsTold(string mode) => mode == "expert";

    /// <summary>The best quality among the points that meet the objective: over all loads, then for each load that was measured.</summary>
    public static IEnumerable<Recommendation> ForObjective(IReadOnlyList<MeasuredSettings> measured, QualityTable? quality,
        AnalysisOptions options, ICollection<string> notes)
    {
        if (options.Objective is not { } objective) return [];
        double? Quality(MeasuredSettings m) => quality?.BitsPerByte.GetValueOrDefault(QualityKey.Of(m.Settings)) is { Count: > 0 } of
            ? of.Values.Average() : null;
        Candidate[] all = [.. measured.Select(m => (Measured: m, Share: m.Middle(options.ShareMet))).Where(m => m.Share is not null)
            .Select(m => new Candidate(m.Measured, m.Share!, Quality(m.Measured),
                m.Measured.Middle(p => p.Summary.RequestsPerSecond)!.Value))];
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
            string[] missed = [.. limits
                .Select(l => (l.Name, l.Limit, P99: nearest.Measured.Middle(p => l.Of(p.Summary)?.P99.Value)?.Value))
                .Where(l => l.P99 > l.Limit)
                .Select(l => $"p99 of the {l.Name} is {Quantity.Seconds(l.P99!.Value)} against {Quantity.Seconds(l.Limit)}")];
            return new(Recommendation.ForObjective, where, $"{where}: nothing meets {words}; the nearest is {nearest.Measured.Name} with "
                + $"{Quantity.Percent(nearest.Share.Value)} of requests, {(objective.Share - nearest.Share.Value) * 100:0.#} points short"
                + (missed.Length == 0 ? "" : $": {string.Join(", ", missed)}"));
        }

        var (best, settings) = (meet[0], meet[0].Measured.Settings);
        var what = best.BitsPerByte is null ? "the highest throughput (no quality is known)" : "the best quality";
        var next = meet.FirstOrDefault(c => QualityKey.Of(c.Measured.Settings) != QualityKey.Of(settings));
        return new(Recommendation.ForObjective, where,
            $"{where}: of {meet.Length} of {candidates.Length} settings that meet {words}, {settings.Name} has {what}", settings.Name,
            settings.Mode, settings.K, best.BitsPerByte, next?.Measured.Name, best.Share.Low < objective.Share, best.Share.Value,
            best.RequestsPerSecond);
    }

    private static IEnumerable<(string Name, double Limit, Func<LoadSummary, LatencyFigures?> Of)> Limits(ServiceObjective objective)
    {
        if (objective.TimeToFirstToken is { } first) yield return ("time to first token", first, s => s.TimeToFirstToken);
        if (objective.InterToken is { } gap) yield return ("time between tokens", gap, s => s.InterToken);
        if (objective.EndToEnd is { } end) yield return ("end-to-end time", end, s => s.EndToEnd);
    }

    private sealed record Candidate(MeasuredSettings Measured, Estimate Share, double? BitsPerByte, double RequestsPerSecond);
}
