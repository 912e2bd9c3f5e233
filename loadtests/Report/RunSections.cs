using System.Text.RegularExpressions;
using Btx.Cli.Charts;

namespace Btx.LoadTests.Report;

/// <summary>Quality, trust, failures, what was run, every point, and what is missing.</summary>
internal static partial class RunSections
{
    private static readonly (string Title, Func<LoadSummary, Estimate?> Of)[] Latencies =
    [
        ("first token p50 (ms)", s => s.TimeToFirstToken?.P50), ("first token p99 (ms)", s => s.TimeToFirstToken?.P99),
        ("between tokens p50 (ms)", s => s.InterToken?.P50), ("between tokens p99 (ms)", s => s.InterToken?.P99),
        ("end to end p50 (ms)", s => s.EndToEnd?.P50), ("end to end p90 (ms)", s => s.EndToEnd?.P90),
        ("end to end p99 (ms)", s => s.EndToEnd?.P99), ("p99 from sent (ms)", s => s.EndToEndFromSent?.P99),
    ];

    /// <summary>How good each point's model is, domain by domain.</summary>
    public static Section Quality(ReportModel model)
    {
        var section = new Section("quality", "Quality by domain");
        if (model.Quality is not { BitsPerByte.Count: > 0 } quality) return section with { Missing = [model.Absent(RunDirectory.Quality)] };
        var bits = quality.BitsPerByte;
        string[] keys = [.. bits.Keys.OrderBy(k => Modes.Rank(k.Split(':', '@')[0])).ThenBy(k => k.Length)
            .ThenBy(k => k, StringComparer.Ordinal)];
        string[] domains = [.. bits.Values.SelectMany(d => d.Keys).Distinct().Order(StringComparer.Ordinal)];
        string[] unknown = [.. model.Points.Select(p => p.Settings).Where(s => !Modes.IsPeer(s.Mode)).Select(QualityKey.Of).Distinct()
            .Where(k => !bits.ContainsKey(k)).Order(StringComparer.Ordinal)];
        // Means over different domains do not compare.
        double? Mean(string key) => domains.All(bits[key].ContainsKey) ? domains.Average(d => bits[key][d]) : null;
        double? Value(string key, string domain) => bits[key].TryGetValue(domain, out var value) ? value : null;
        Series Dots(string name, SeriesStyle style, Func<string, double?> of) =>
            new(name, [.. keys.Index().Where(k => of(k.Item) is not null).Select(k => new Datum(of(k.Item)!.Value, k.Index))], style)
            { Joined = false };
        var series = domains.Select((d, i) => Dots(d, SeriesStyle.Of(i), k => Value(k, d)));
        var chart = new Chart("quality", "Bits per byte by domain", new Axis("bits per byte (less is better)"),
            [new Panel(new Axis("") { Rows = keys }, [.. series, Dots("mean over the domains", new(7, 3, 0, true), Mean)])])
        { Caption = $"Held-out text, no sampling between the rows: {quality.Source.Replace("`", "", StringComparison.Ordinal)}" };
        return section with
        {
            Findings = ["Bits per byte compare across vocabularies and domains; perplexity is per token. Quality depends on mode, k and "
                + "precision, not on the load.", .. Alike(bits)],
            Figures = [Figure.Of(chart, new(["bits per byte", .. domains, "mean"],
                [.. keys.Select(k => (string[])[k, .. domains.Select(d => Amount.Of(Value(k, d))), Amount.Of(Mean(k))])]))],
            Tables = [new(["perplexity", .. domains], [.. keys.Where(quality.Perplexity.ContainsKey).Select(k => (string[])
                [k, .. domains.Select(d => quality.Perplexity[k].TryGetValue(d, out var value) ? Amount.Of(value) : Cli.Quantity.None)])])],
            Missing = unknown.Length == 0 ? []
                : [$"Quality is not known for {string.Join(", ", unknown)}: these points are on no frontier."],
        };
    }

    /// <summary>Several k of a mode whose figures are the same in every domain.</summary>
    private static IEnumerable<string> Alike(IReadOnlyDictionary<string, IReadOnlyDictionary<string, double>> bits) =>
        from mode in bits.Keys.Select(k => WithK().Match(k)).Where(m => m.Success && bits[m.Value].Count > 0)
            .GroupBy(m => (Mode: m.Groups[1].Value, Precision: m.Groups[3].Value))
        from same in mode.OrderBy(m => int.Parse(m.Groups[2].Value)).GroupBy(m => string.Join(' ',
            bits[m.Value].OrderBy(d => d.Key, StringComparer.Ordinal).Select(d => $"{d.Key} {d.Value:G6}")))
        where same.Count() > 1
        select $"{mode.Key.Mode} with k = {string.Join(", ", same.Select(m => m.Groups[2].Value))} ({mode.Key.Precision}) has the same "
            + "quality in every domain: on the text that was scored the further experts weigh next to nothing, so it does not tell these "
            + "k apart. More text may: `--evaluation`, or a larger `--quality-tokens`.";

    /// <summary>Mode, k and precision of a <see cref="QualityKey"/>.</summary>
    [GeneratedRegex(@"^(.+):k=([0-9]{1,6})@(.+)\z", RegexOptions.CultureInvariant)]
    private static partial Regex WithK();

    /// <summary>How far the figures can be trusted: the machine's noise, the generator's ceiling, the server's own count.</summary>
    public static Section Trust(ReportModel model)
    {
        var reference = model.Points.Where(p => p.Reference && p.Summary.TokensPerSecond > 0).OrderBy(p => p.Started).ToArray();
        return new("trust", "How far to trust it")
        {
            Findings = [.. new[] { Noise(model) }.OfType<string>(), .. Ceiling(model), .. Agreement(model)],
            Figures = reference.Length < 2 ? [] : [Drift(reference)],
            Tables = [new(["figure", "standard deviation between measurements", "degrees of freedom", "from"],
                [.. (model.Analysis?.Noise ?? []).Select(n => (string[])
                    [Amount.Title(n.Metric), Quantity.Percent(n.RelativeDeviation), $"{n.DegreesOfFreedom}", n.Source])])],
            Missing =
            [
                .. reference.Length >= 2 ? [] : (string[])["The machine's noise is not known: no reference point was measured twice. `btx "
                    + "loadtest sweep` repeats one."],
                .. model.Ceiling is not null ? [] : (string[])[model.Absent(RunDirectory.CeilingFile)],
            ],
        };
    }

    /// <summary>The machine's noise in a sentence; null if it is not known.</summary>
    public static string? Noise(ReportModel model) => (model.Analysis?.Noise ?? []).Figure("tokens_per_second") is not { } n ? null
        : $"Noise: the same settings measured again differ by {Quantity.Percent(n.RelativeDeviation)} (standard deviation of tokens a "
            + $"second, from {(n.Source == "reference" ? "the reference point over the whole run" : "the repeats")}).";

    private static IEnumerable<string> Ceiling(ReportModel model)
    {
        if (model.Ceiling is not { } ceiling) yield break;
        var most = model.Points.Where(p => !Modes.IsPeer(p.Settings.Mode)).Select(p => p.Summary.TokensPerSecond).Where(double.IsFinite)
            .DefaultIfEmpty(0).Max();
        var share = most / ceiling.TokensPerSecond;
        yield return $"The generator's own ceiling ({ceiling.Door}, {ceiling.Concurrency} in flight) is "
            + $"{Amount.Of(ceiling.TokensPerSecond)} tokens/s and {Amount.Of(ceiling.RequestsPerSecond)} requests/s; "
            + $"the fastest point made {Amount.Of(most)} tokens/s, "
            + $"{Quantity.Percent(share)} of it. " + (share <= CeilingRun.SafeShare ? "The generator was not the bottleneck."
                : "That is close: the fastest points may show the generator rather than the server.");
    }

    private static IEnumerable<string> Agreement(ReportModel model)
    {
        double[] ratios = [.. model.Points.Where(p => p.Server is { CompletionTokens: > 0 } && p.Summary.CompletionTokens > 0)
            .Select(p => p.Summary.CompletionTokens / p.Server!.CompletionTokens)];
        if (ratios.Length > 0)
            yield return $"Completion tokens as the clients counted them over the server's own count: median "
                + $"{Amount.Of(ratios.Median())}, farthest from 1 {Amount.Of(ratios.MaxBy(r => Math.Abs(r - 1)))} "
                    + $"({Quantity.Count(ratios.Length, "point")}). The server also counts what "
                + "was in flight at the edges of a point.";
    }

    private static Figure Drift(PointResult[] reference)
    {
        var median = reference.Select(p => p.Summary.TokensPerSecond).Median();
        double Off(PointResult p) => (p.Summary.TokensPerSecond / median) - 1;
        Datum[] points = [.. reference.Select(p => new Datum((p.Started - reference[0].Started).TotalMinutes, 100 * Off(p)))];
        var chart = new Chart("noise", $"The reference point again and again: {reference[0].Settings.Name}",
            new Axis("time since its first measurement (minutes)"),
            [new Panel(new Axis("tokens/s, from the median (%)"), [new Series("reference point", points, SeriesStyle.Of(0))])
            { Height = 200, Levels = [new(0, $"median: {Amount.Of(median)} tokens/s")] }])
        { Caption = "Nothing but the machine differs here: differences of other points that are no larger mean nothing." };
        return Figure.Of(chart, new(["started", "tokens/s", "from the median"], [.. reference.Select(p => (string[])
            [Amount.Time(p.Started), Amount.Of(p.Summary.TokensPerSecond), Quantity.Percent(Off(p))])]));
    }

    /// <summary>Requests that got no answer.</summary>
    public static Section Failures(ReportModel model)
    {
        var statuses = model.Points.SelectMany(p => p.Summary.Statuses).Where(s => s.Key != "ok" && s.Value > 0)
            .GroupBy(s => s.Key, s => s.Value).OrderBy(g => g.Key, StringComparer.Ordinal).ToArray();
        var failed = model.Measurements.Where(m => m.Failed > 0).ToArray();
        var requests = model.Points.Sum(p => p.Summary.Requests);
        return new("failures", "Failures")
        {
            Findings = requests == 0 ? [] : failed.Length == 0 ? [$"None of {Quantity.Count(requests, "request")} failed."]
                : [$"{Quantity.Count(failed.Sum(m => m.Failed))} of {Quantity.Count(requests, "request")} failed: "
                    + $"{string.Join(", ", statuses.Select(s => $"{s.Key} {Quantity.Count(s.Sum())}"))}. Failed requests are in no "
                    + "latency and in no throughput."],
            Tables = [new(["", "requests", "failed", .. statuses.Select(s => s.Key)], [.. failed.Select(m => (string[])
                [model.Labels.Full(m.Settings), Quantity.Count(m.Requests), Quantity.Percent((double)m.Failed / m.Requests),
                .. statuses.Select(s => Quantity.Count(m.Repeats.Sum(p => p.Summary.Statuses.GetValueOrDefault(s.Key))))])])],
            Missing = model.Points.Count == 0 ? [model.Absent(RunDirectory.Points)] : [],
        };
    }

    /// <summary>What was run, and where.</summary>
    public static Section Run(ReportModel model) => new("run", "What was run")
    {
        Tables = model.Description is { } d ? [new(["", ""], [.. Rows(model, d).Where(r => r[1].Length > 0)])] : [],
        Missing = model.Description is null ? [model.Absent(RunDirectory.Description)] : [],
    };

    private static string[][] Rows(ReportModel model, RunDescription d)
    {
        string Counts(Func<PointResult, int?> of) =>
            string.Join(", ", model.Points.Select(of).OfType<int>().Where(n => n > 0).Distinct().Order());
        var precisions = model.Points.Where(p => !Modes.IsPeer(p.Settings.Mode)).Select(p => p.Settings.Precision).Distinct();
        string[] server = [Counts(p => p.Experts) is { Length: > 0 } experts ? $"{experts} experts" : "",
            Counts(p => p.MixtureExperts) is { Length: > 0 } mixture ? $"BTX model of {mixture} experts" : "",
                string.Join(", ", precisions)];
        var options = model.Points.SelectMany(p => p.Settings.Options).GroupBy(o => o.Key, o => o.Value)
            .OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => $"{g.Key} {string.Join(" | ", g.Distinct().Order(StringComparer.Ordinal))}");
        return
        [
            ["started", Amount.Time(d.Started)],
            ["command", d.Command],
            ["machine", $"{d.Machine.Processor}, {Quantity.Count(d.Machine.Cores, "core")}, {Quantity.Memory(d.Machine.MemoryBytes)}, "
                + $"{d.Machine.OperatingSystem}; load average before {Amount.Of(d.Machine.LoadAverage)}"],
            ["program", $"btx loadtest {d.Version}"],
            ["server", string.Join("; ", server.Where(s => s.Length > 0))],
            ["server options", string.Join("; ", options)],
            ["door", d.Load.Door],
            ["prompts", d.Load.Prompts],
            ["prompt length (tokens)", d.Load.PromptTokens],
            ["output length (tokens)", d.Load.OutputTokens],
            ["warm-up, left out", d.Load.WarmUp],
            ["a point ends after", d.Load.Bound],
            ["objective", Words(d.Objective) ?? "none was named"],
            ["seed", $"{d.Seed}"],
            ["points", model.Points.Count == 0 ? "" : $"{Quantity.Count(model.Points.Count)} measurements of "
                + $"{Quantity.Count(model.Measurements.Count)} settings, "
                    + $"{Quantity.Count(model.Points.Sum(p => p.Summary.Requests), "request")}"],
        ];
    }

    /// <summary>An objective in words; null without limits.</summary>
    public static string? Words(ServiceObjective? objective)
    {
        string?[] limits =
        [
            objective?.TimeToFirstToken is { } first ? $"first token within {Amount.Of(first * 1e3)} ms" : null,
            objective?.InterToken is { } gap ? $"mean time between tokens within {Amount.Of(gap * 1e3)} ms" : null,
            objective?.EndToEnd is { } end ? $"end to end within {Amount.Of(end)} s" : null,
        ];
        return limits.Any(l => l is not null)
            ? $"{string.Join(", ", limits.OfType<string>())}, for {Quantity.Percent(objective!.Share)} of the requests" : null;
    }

    public static Section Points(ReportModel model) => new("points", "All points")
    {
        Findings = model.Points.Count == 0 ? [] : ["Medians of the repeats with the least and the most, or the 95 % interval of a single "
            + "one. Latency counts from when a request was due; the last column counts from when it was sent, which is what a tool that "
            + "omits the wait would report."],
        Tables = [new(["", "repeats", "requests", "failed", "offered (requests/s)", "served (requests/s)", "goodput (requests/s)",
            "tokens/s", .. Latencies.Select(c => c.Title)],
            [.. model.Measurements.Select(m => (string[])[model.Labels.Full(m.Settings), $"{m.Repeats.Count}", Quantity.Count(m.Requests),
                Quantity.Count(m.Failed), Amount.Of(m.Of(s => (double?)s.OfferedPerSecond)),
                    Amount.Of(m.Of(s => (double?)s.RequestsPerSecond)),
                Amount.Of(m.Of(s => s.GoodputPerSecond)), Amount.Of(m.Of(s => (double?)s.TokensPerSecond)),
                .. Latencies.Select(c => Amount.Of(m.Of(c.Of), 1e3))])])],
        Missing = model.Points.Count == 0 ? [model.Absent(RunDirectory.Points)] : [],
    };

    /// <summary>What the other sections cannot say, in one place, with what the analysis noted.</summary>
    public static Section Missing(ReportModel model, IEnumerable<Section> others)
    {
        string[] missing = [.. model.Faults,
            .. others.SelectMany(s => s.Missing).Except(model.Damaged.Select(ReportModel.Damage), StringComparer.Ordinal)];
        return new("missing", "What is missing, and why")
        {
            Findings = [.. missing.DefaultIfEmpty("Nothing: every part of the run's directory is there.").Distinct(StringComparer.Ordinal),
                .. (model.Analysis?.Notes ?? []).Select(n => $"Note of the analysis: {n}")],
        };
    }
}
