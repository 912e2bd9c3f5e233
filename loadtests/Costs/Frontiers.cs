using Btx.LoadTests.Records;
using Btx.LoadTests.Statistics;

namespace Btx.LoadTests.Costs;

/// <summary>Cost against quality (Pareto), a frontier for each load.</summary>
public static class Frontiers
{
    public static IReadOnlyList<Frontier> Of(IReadOnlyList<MeasuredSettings> measured, QualityTable quality,
        IReadOnlyList<NoiseFigure> noise, ICollection<string> notes)
    {
        var without = measured.Select(m => QualityKey.Of(m.Settings)).Where(key => !quality.BitsPerByte.ContainsKey(key)).Distinct()
            .Order(StringComparer.Ordinal).ToArray();
        if (without.Length > 0) notes.Add($"no quality is known for {Wording.List(without)}: not on the frontiers");
        return
        [
            .. measured.GroupBy(m => Wording.Load(m.Settings.Concurrency, m.Settings.Rate)).Select(group =>
            {
                var cost = group.First().Settings.Rate is null ? CostMetric.SecondsPerToken : CostMetric.InterToken;
                var known = group.Where(m => quality.BitsPerByte.ContainsKey(QualityKey.Of(m.Settings)) && m.Middle(cost) is not null)
                    .ToArray();
                return (group.Key, cost, known);
            })
            .Where(group => group.known.Length > 0)
            .Select(group => Of(group.Key, group.cost, group.known, quality, noise)),
        ];
    }

    /// <summary>Bits per byte: the mean over domains that both have.</summary>
    internal static double Mean(IReadOnlyDictionary<string, double> ofDomains, IEnumerable<string> domains) =>
        domains.Average(d => ofDomains[d]);

    private static Frontier Of(string where, CostMetric cost, MeasuredSettings[] measured, QualityTable quality,
        IReadOnlyList<NoiseFigure> noise)
    {
        var relative = noise.Relative(cost.Name);
        IReadOnlyDictionary<string, double> Of(MeasuredSettings m) => quality.BitsPerByte[QualityKey.Of(m.Settings)];
        string[] domains = [.. measured.Select(m => Of(m).Keys).Aggregate((all, next) => all.Intersect(next))
            .Order(StringComparer.Ordinal)];
        var points = measured.Select(m =>
        {
            double[] values = m.Values(cost);
            double middle = Median.Value(values), error = relative / Math.Sqrt(values.Length);
            return (Measured: m, Cost: new Estimate(middle, middle * Math.Exp(-2 * error), middle * Math.Exp(2 * error), values.Length),
                Error: error, Quality: Of(m));
        }).OrderBy(p => p.Cost.Value).ToArray();
        return new Frontier(where, measured[0].Settings.Concurrency, measured[0].Settings.Rate, cost.Name, domains,
        [
            .. points.Select(p => new FrontierPoint
            {
                Name = p.Measured.Name, Mode = p.Measured.Settings.Mode, K = p.Measured.Settings.K,
                    Precision = p.Measured.Settings.Precision, Options = p.Measured.Settings.Options,
                Cost = p.Cost, BitsPerByte = domains.Length > 0 ? Mean(p.Quality, domains) : double.NaN, BitsPerByteOfDomains = p.Quality,
                    Perplexity = Perplexity(quality, p.Measured, domains),
                OnFrontier = domains.Length > 0
                    && !points.Any(o => Beats(o.Cost.Value, Mean(o.Quality, domains), p.Cost.Value, Mean(p.Quality, domains))),
                OnFrontierOf = [.. domains.Where(d => !points.Any(o => Beats(o.Cost.Value, o.Quality[d], p.Cost.Value, p.Quality[d])))],
                CostsAlike = [.. points.Where(o => o.Measured != p.Measured && Alike(p.Cost.Value, p.Error, o.Cost.Value, o.Error))
                    .Select(o => o.Measured.Name)],
            }),
        ]);
    }

    internal static bool Alike(double first, double firstError, double second, double secondError) =>
        Math.Abs(Math.Log(first / second)) <= 2 * Math.Sqrt((firstError * firstError) + (secondError * secondError));

    private static bool Beats(double cost, double quality, double otherCost, double otherQuality) =>
        cost <= otherCost && quality <= otherQuality && (cost < otherCost || quality < otherQuality);

    private static double? Perplexity(QualityTable quality, MeasuredSettings m, string[] domains) =>
        domains.Length > 0 && quality.Perplexity.TryGetValue(QualityKey.Of(m.Settings), out var of) && domains.All(of.ContainsKey)
        ? Math.Exp(domains.Average(d => Math.Log(of[d]))) : null;
}
