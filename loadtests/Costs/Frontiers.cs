namespace Btx.LoadTests.Costs;

/// <summary>Cost against quality at one load: which points are beaten by none.</summary>
/// <param name="Cost">Name of the metric: <c>seconds_per_token</c> in the closed loop, <c>inter_token</c> in the open one.</param>
public sealed record Frontier(string Where, int? Concurrency, double? Rate, string Cost, IReadOnlyList<string> Domains,
    IReadOnlyList<FrontierPoint> Points);

/// <param name="Cost">Seconds; median of the repeats, ± twice the noise.</param>
/// <param name="BitsPerByte">Mean over the domains; the same text for every point, so there is no sampling noise between points.</param>
/// <param name="Perplexity">Geometric mean over the domains, if the run has it.</param>
/// <param name="OnFrontier">No point costs less and is as good, or costs as much and is better.</param>
/// <param name="OnFrontierOf">Domains on whose own frontier it is.</param>
/// <param name="CostsAlike">Points whose cost differs by no more than twice the noise.</param>
public sealed record FrontierPoint(string Name, string Mode, int? K, string Precision, IReadOnlyDictionary<string, string> Options,
    Estimate Cost, double BitsPerByte, IReadOnlyDictionary<string, double> BitsPerByteOfDomains, double? Perplexity, bool OnFrontier,
    IReadOnlyList<string> OnFrontierOf, IReadOnlyList<string> CostsAlike);

public static class Frontiers
{
    public static IReadOnlyList<Frontier> Of(IReadOnlyList<MeasuredSettings> measured, QualityTable quality,
        IReadOnlyList<NoiseFigure> noise, ICollection<string> notes)
    {
        bool Known(MeasuredSettings m) => quality.BitsPerByte.ContainsKey(QualityKey.Of(m.Settings));
        string[] without = [.. measured.Where(m => !Known(m)).Select(m => QualityKey.Of(m.Settings)).Distinct()
            .Order(StringComparer.Ordinal)];
        if (without.Length > 0) notes.Add($"no quality is known for {Wording.List(without)}: not on the frontiers");
        return [.. from @group in measured.GroupBy(m => Wording.Load(m.Settings))
                   let cost = @group.First().Settings.Rate is null ? CostMetric.SecondsPerToken : CostMetric.InterToken
                   let known = @group.Where(m => Known(m) && m.Middle(cost) is not null).ToArray()
                   where known.Length > 0
                   select Of(@group.Key, cost, known, quality, noise.Relative(cost.Name))];
    }

    /// <summary>Bits per byte: the mean over domains that both have.</summary>
    internal static double Mean(IReadOnlyDictionary<string, double> ofDomains, IEnumerable<string> domains) =>
        domains.Average(d => ofDomains[d]);

    private static Frontier Of(string where, CostMetric metric, MeasuredSettings[] measured, QualityTable quality, double noise)
    {
        IReadOnlyDictionary<string, double> Bits(MeasuredSettings m) => quality.BitsPerByte[QualityKey.Of(m.Settings)];
        string[] domains = [.. measured.Select(m => Bits(m).Keys).Aggregate((all, next) => all.Intersect(next))
            .Order(StringComparer.Ordinal)];
        var points = measured.Select(m =>
        {
            var values = m.Values(metric);
            return (Measured: m, Cost: values.Median(), Error: noise / Math.Sqrt(values.Length), Count: values.Length, Bits: Bits(m),
                Mean: domains.Length > 0 ? Mean(Bits(m), domains) : double.NaN);
        }).OrderBy(p => p.Cost).ToArray();
        double? Perplexity(MeasuredSettings m) =>
            domains.Length > 0 && quality.Perplexity.TryGetValue(QualityKey.Of(m.Settings), out var of) && domains.All(of.ContainsKey)
                ? Math.Exp(domains.Average(d => Math.Log(of[d]))) : null;
        FrontierPoint[] all = [.. from p in points
                                  let s = p.Measured.Settings
                                  let cost = new Estimate(p.Cost, p.Cost * Math.Exp(-2 * p.Error), p.Cost * Math.Exp(2 * p.Error), p.Count)
                                  let frontier = domains.Length > 0 && !points.Any(o => Beats(o.Cost, o.Mean, p.Cost, p.Mean))
                                  let of = domains.Where(d => !points.Any(o => Beats(o.Cost, o.Bits[d], p.Cost, p.Bits[d])))
                                  let alike = points.Where(o => o.Measured != p.Measured
                                      && Math.Abs(Math.Log(p.Cost / o.Cost)) <= 2 * Math.Sqrt((p.Error * p.Error) + (o.Error * o.Error)))
                                  select new FrontierPoint(s.Name, s.Mode, s.K, s.Precision, s.Options, cost, p.Mean, p.Bits,
                                      Perplexity(p.Measured), frontier, [.. of], [.. alike.Select(o => o.Measured.Name)])];
        return new(where, measured[0].Settings.Concurrency, measured[0].Settings.Rate, metric.Name, domains, all);
    }

    private static bool Beats(double cost, double quality, double otherCost, double otherQuality) =>
        cost <= otherCost && quality <= otherQuality && (cost < otherCost || quality < otherQuality);
}
