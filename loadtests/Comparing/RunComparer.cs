using MathNet.Numerics.Distributions;

namespace Btx.LoadTests.Comparing;

/// <summary>Compares two runs, settings by settings: Student's t over repeats, corrected for the number of comparisons.</summary>
public static class RunComparer
{
    private const double Level = 0.05;

    // What another order of sums can do to bits per byte.
    private const double Rounding = 0.0005;

    private static readonly CostMetric[] Metrics =
        [.. CostMetric.All.Where(m => m != CostMetric.SecondsPerToken && m.Name != "requests_per_second"),
        new("failed", "failed", "share", p => p.Summary.Requests > 0 ? p.Summary.Failed / (double)p.Summary.Requests : null)];

    /// <summary>Names that <c>metrics</c> may have.</summary>
    public static IReadOnlyList<string> MetricNames { get; } = [.. Metrics.Select(m => m.Name)];

    /// <param name="metrics">Of the points; null: all. Fewer comparisons leave each more power.</param>
    /// <exception cref="LoadTestException">A metric that there is not; runs without a setting in common.</exception>
    public static RunComparison Compare(MeasuredRun first, MeasuredRun second, double tolerance = 0.02,
        IReadOnlyList<string>? metrics = null)
    {
        if (metrics?.FirstOrDefault(m => !MetricNames.Contains(m)) is { } unknown)
            throw new LoadTestException($"--metrics: there is no {unknown}; there are {string.Join(", ", MetricNames)}");
        static string[] Names(MeasuredRun run) => [.. run.Points.Select(p => p.Settings.Name).Distinct()];
        string[] a = Names(first), b = Names(second);
        string Some(string[] names) => string.Join(", ", names.Take(3)) + (names.Length > 3 ? ", …" : "");
        if (!a.Intersect(b).Any())
            throw new LoadTestException($"{first.Directory}, {second.Directory}: no settings in common: {Some(a)} against {Some(b)}");
        var options = new AnalysisOptions { WithinPercent = [] };
        Change[] measured = [.. Points(first.Points, second.Points, Metrics.Where(m => metrics?.Contains(m.Name) ?? true)),
            .. Lines(first.Analyse(options), second.Analyse(options))];
        int[] tested = [.. Enumerable.Range(0, measured.Length).Where(i => measured[i].P is not null)];
        foreach (var (i, adjusted) in tested.Zip(Holm.Adjust([.. tested.Select(i => measured[i].P!.Value)])))
        {
            var change = measured[i] with { AdjustedP = adjusted };
            measured[i] = change with { Verdict = Judge(change, tolerance) };
        }

        static RunSide Side(MeasuredRun run) => new(run.Directory, run.Description.Started, run.Description.Version,
            run.Description.Machine, run.Description.Load, run.Points.Count);
        return new(Side(first), Side(second), [.. Caveats(first, second)], [.. a.Except(b)], [.. b.Except(a)],
            tolerance, [.. measured, .. Quality(first.Quality, second.Quality)]);
    }

    private static string Judge(Change change, double tolerance)
    {
        var matters = change.Ratio is { } ratio ? Math.Abs(ratio.Value - 1) > tolerance : change.First != change.Second;
        if (change.AdjustedP < Level && matters)
            return change.Second > change.First == change.MoreIsBetter ? Verdict.Better : Verdict.Worse;
        var within = change.Ratio is { } r ? r.Low >= 1 - tolerance && r.High <= 1 + tolerance
            : change.Unit == "share" && Math.Abs(change.Second - change.First) <= tolerance;
        return within ? Verdict.Same : Verdict.CannotTell;
    }

    /// <summary>Two-sided chance of a difference as large if nothing had changed.</summary>
    private static double P(double difference, double error, int degrees) => difference == 0 ? 1
        : error == 0 ? 0 : 2 * StudentT.CDF(0, 1, degrees, -Math.Abs(difference / error));

    /// <summary>Latencies, throughput, failures of the points that both runs have.</summary>
    private static IEnumerable<Change> Points(IReadOnlyList<PointResult> first, IReadOnlyList<PointResult> second,
        IEnumerable<CostMetric> metrics)
    {
        var pairs = MeasuredSettings.Group(first)
            .Join(MeasuredSettings.Group(second), m => m.Name, m => m.Name, (a, b) => (First: a, Second: b));
        // Open loops near saturation scatter far more than closed ones.
        return from metric in metrics
               from load in pairs.GroupBy(p => p.First.Settings.Load)
               let noise = RepeatNoise.Of(metric, first.Where(p => p.Settings.Load == load.Key),
                   second.Where(p => p.Settings.Load == load.Key))
               from pair in load
               let change = Compare(pair.First.Name, noise, pair.First.Repeats, pair.Second.Repeats)
               where change is not null
               select change;
    }

    private static Change? Compare(string of, RepeatNoise noise, IEnumerable<PointResult> first, IEnumerable<PointResult> second)
    {
        double[] a = noise.Metric.Scaled(first), b = noise.Metric.Scaled(second);
        if (a.Length == 0 || b.Length == 0) return null;
        double Back(double v) => noise.Metric.IsShare ? Math.Pow(Math.Sin(v), 2) : Math.Exp(v);
        double difference = b.Average() - a.Average(), error = noise.Deviation * Math.Sqrt((1.0 / a.Length) + (1.0 / b.Length));
        var half = noise.Degrees > 0 ? error * StudentT.InvCDF(0, 1, noise.Degrees, 0.975) : (double?)null;
        double? End(double? at) => at is { } value ? Math.Exp(value) : null;
        var ratio = noise.Metric.IsShare ? null
            : new Estimate(Math.Exp(difference), End(difference - half), End(difference + half), a.Length + b.Length);
        return new(of, noise.Metric.Name, noise.Metric.Unit, Back(a.Average()), Back(b.Average()), a.Length, b.Length, ratio,
            noise.Degrees > 0 ? P(difference, error, noise.Degrees) : null,
            RankP: a.Length >= 4 && b.Length >= 4 ? MannWhitney.Test(a, b).P : null)
        { MoreIsBetter = noise.Metric.MoreIsBetter };
    }

    /// <summary>The larger deviation of all repeats and of the reference point's; requests of one repeat share its luck.</summary>
    /// <param name="Degrees">Of freedom; 0: nothing was measured twice.</param>
    private sealed record RepeatNoise(CostMetric Metric, double Deviation, int Degrees)
    {
        public static RepeatNoise Of(CostMetric metric, params IEnumerable<PointResult>[] runs)
        {
            var settings = runs.SelectMany(run => run.GroupBy(p => p.Settings.Name)).ToArray();
            var all = NoiseFigures.Pooled(settings, metric);
            var reference = NoiseFigures.Pooled(settings.Select(s => s.Where(p => p.Reference)), metric);
            var (deviation, degrees) = reference.Degrees >= 2 && reference.Deviation > all.Deviation ? reference : all;
            // Shares that never varied still are of so many requests.
            var requests = metric.IsShare && degrees > 0 ? settings.SelectMany(s => s).Average(p => (double)p.Summary.Requests)
                : double.PositiveInfinity;
            return new(metric, Math.Max(deviation, Math.Sqrt(1 / (4 * Math.Max(1, requests)))), degrees);
        }
    }

    /// <summary>Coefficients of the cost lines that both runs have.</summary>
    private static IEnumerable<Change> Lines(CostAnalysis first, CostAnalysis second)
    {
        foreach (var (line, other) in first.Lines.Join(second.Lines, l => (l.Form, l.Where, l.Quantity), l => (l.Form, l.Where, l.Quantity),
            (a, b) => (a, b)))
        {
            var of = $"{line.Form}, {line.Where}, {line.Quantity}";
            yield return Compare(of, line.Form == CostLine.Forest ? "a" : "A", line.Fit.Intercept, other.Fit.Intercept);
            yield return Compare(of, line.Form == CostLine.Forest ? "b" : "F", line.Fit.Slope, other.Fit.Slope);
        }
    }

    private static Change Compare(string of, string name, Estimate first, Estimate second)
    {
        var change = new Change(of, name, "s", first.Value, second.Value, first.Count, second.Count);
        var degrees = first.Count + second.Count - 4;
        if (degrees < 1 || Error(first) is not { } a || Error(second) is not { } b) return change;
        change = change with { P = P(second.Value - first.Value, Math.Sqrt((a * a) + (b * b)), degrees) };
        if (!(first.Value > 4 * a && second.Value > 4 * b)) return change;
        var half = StudentT.InvCDF(0, 1, degrees, 0.975) * Math.Sqrt(Math.Pow(a / first.Value, 2) + Math.Pow(b / second.Value, 2));
        var value = second.Value / first.Value;
        return change with { Ratio = new(value, value * Math.Exp(-half), value * Math.Exp(half), first.Count + second.Count) };
    }

    // The interval of a line's coefficient is Student's with two degrees less than values.
    private static double? Error(Estimate e) =>
        e is { High: { } high, Count: > 2 } ? (high - e.Value) / StudentT.InvCDF(0, 1, e.Count - 2, 0.975) : null;

    /// <summary>Bits per byte by domain: the same text gives the same figure, without a p-value; of other text nothing is said.</summary>
    private static IEnumerable<Change> Quality(QualityTable? first, QualityTable? second) => first is null || second is null ? [] :
        from row in first.BitsPerByte.OrderBy(row => row.Key, StringComparer.Ordinal)
        from domain in row.Value.OrderBy(d => d.Key, StringComparer.Ordinal)
        let other = second.BitsPerByte.GetValueOrDefault(row.Key)?.TryGetValue(domain.Key, out var value) == true ? value : (double?)null
        where other is not null
        let ratio = other.Value / domain.Value
        let verdict = first.Source != second.Source ? Verdict.CannotTell
            : Math.Abs(ratio - 1) <= Rounding ? Verdict.Same : ratio < 1 ? Verdict.Better : Verdict.Worse
        select new Change(row.Key, $"bits per byte of {domain.Key}", "bits/byte", domain.Value, other.Value, 1, 1,
            new(ratio, ratio, ratio, 1), Verdict: verdict);

    /// <summary>What makes two runs hard to compare.</summary>
    private static IEnumerable<string> Caveats(MeasuredRun first, MeasuredRun second)
    {
        var (a, b) = (first.Description, second.Description);
        static string Pairs(params (string Name, object First, object Second)[] pairs) =>
            string.Join("; ", pairs.Where(p => !Equals(p.First, p.Second)).Select(p => $"{p.Name} {p.First} and {p.Second}"));
        static string Experts(MeasuredRun run) =>
            string.Join("/", run.Points.Select(p => p.Experts).OfType<int>().Where(n => n > 0).Distinct().Order());
        if (Pairs(("processor", a.Machine.Processor, b.Machine.Processor), ("cores", a.Machine.Cores, b.Machine.Cores),
            ("memory, bytes", a.Machine.MemoryBytes, b.Machine.MemoryBytes),
            ("operating system", a.Machine.OperatingSystem, b.Machine.OperatingSystem)) is { Length: > 0 } machine)
            yield return $"another machine: {machine}: ratios below are of machines as much as of versions";
        if (a.Version != b.Version) yield return $"another version: {a.Version} and {b.Version}";
        if (Pairs(("door", a.Load.Door, b.Load.Door), ("prompts", a.Load.Prompts, b.Load.Prompts),
            ("prompt tokens", a.Load.PromptTokens, b.Load.PromptTokens), ("output tokens", a.Load.OutputTokens, b.Load.OutputTokens),
            ("warm-up", a.Load.WarmUp, b.Load.WarmUp), ("bound", a.Load.Bound, b.Load.Bound)) is { Length: > 0 } load)
            yield return $"another load: {load}";
        if (a.Objective != b.Objective) yield return "another objective: goodput does not mean the same";
        if (a.Seed != b.Seed) yield return $"another seed ({a.Seed} and {b.Seed}): other prompts, lengths and order";
        if (Math.Abs(a.Machine.LoadAverage - b.Machine.LoadAverage) > 0.5)
            yield return $"the machine was busier in one of them: load average {a.Machine.LoadAverage:0.0} and "
                + $"{b.Machine.LoadAverage:0.0} before they began";
        if (Pairs(("experts", Experts(first), Experts(second))) is { Length: > 0 } experts) yield return $"another forest: {experts}";
        if (first.Quality is { } q && second.Quality is { } r && q.Source != r.Source)
            yield return $"quality of other text or by another way: \"{q.Source}\" and \"{r.Source}\"; its changes are not judged";
        // The reference point is there to show the machine: of the same version its shift is the machine's.
        static ILookup<string, PointResult> Reference(MeasuredRun run) => run.Points.Where(p => p.Reference).ToLookup(p => p.Settings.Name);
        var (ours, theirs) = (Reference(first), Reference(second));
        var noise = RepeatNoise.Of(CostMetric.InterToken, ours.SelectMany(p => p), theirs.SelectMany(p => p));
        var drift = ours.Select(o => Compare(o.Key, noise, o, theirs[o.Key])).FirstOrDefault(c => c is { P: < Level, Ratio: not null });
        if (drift is not null)
            yield return $"the reference point {drift.Of} takes {Wording.More(drift.Ratio!.Value)} time between tokens in the second run "
                + $"(p = {drift.P:0.0000}): with the same version and forest that is the machine, and as much of the changes below";
    }
}
