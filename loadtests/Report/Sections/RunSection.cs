using Btx.Cli;
using Btx.LoadTests.Records;

namespace Btx.LoadTests.Report.Sections;

/// <summary>What was run, where, and what could not be read.</summary>
public static class RunSection
{
    public static Section Of(ReportModel model) => new("run", "What was run")
    {
        Tables = model.Description is { } d ? [new ReportTable(["", ""], Rows(model, d))] : [],
        Missing = model.Description is null ? [Absent.Description(model)] : [],
    };

    /// <summary>An objective in words; null without limits.</summary>
    public static string? Words(ServiceObjective? objective)
    {
        if (objective is null) return null;
        string?[] limits =
        [
            objective.TimeToFirstToken is { } first ? $"first token within {Amount.Of(first * 1e3)} ms" : null,
            objective.InterToken is { } gap ? $"mean time between tokens within {Amount.Of(gap * 1e3)} ms" : null,
            objective.EndToEnd is { } end ? $"end to end within {Amount.Of(end)} s" : null,
        ];
        return limits.Any(l => l is not null)
            ? $"{string.Join(", ", limits.OfType<string>())}, for {Quantity.Percent(objective.Share)} of the requests" : null;
    }

    private static IReadOnlyList<string>[] Rows(ReportModel model, RunDescription d)
    {
        var experts = model.Points.Select(p => p.Experts).OfType<int>().Distinct().Order().ToArray();
        var mixture = model.Points.Select(p => p.MixtureExperts).OfType<int>().Where(n => n > 0).Distinct().Order().ToArray();
        var precisions = model.Points.Where(p => !Modes.IsPeer(p.Settings.Mode)).Select(p => p.Settings.Precision).Distinct().ToArray();
        string?[][] rows =
        [
            ["started", Amount.Time(d.Started)],
            ["command", d.Command],
            ["machine", $"{d.Machine.Processor}, {Quantity.Count(d.Machine.Cores, "core")}, {Quantity.Memory(d.Machine.MemoryBytes)}, "
                + $"{d.Machine.OperatingSystem}; load average before {Amount.Of(d.Machine.LoadAverage)}"],
            ["program", $"btx loadtest {d.Version}"],
            ["server", experts.Length + mixture.Length + precisions.Length == 0 ? null : string.Join("; ", new[] { experts.Length > 0
                ? $"{string.Join(", ", experts)} experts" : null, mixture.Length > 0 ? $"BTX model of {string.Join(", ", mixture)} experts"
                : null, precisions.Length > 0 ? string.Join(", ", precisions) : null }.OfType<string>())],
            ["server options", Options(model)],
            ["door", d.Load.Door],
            ["prompts", d.Load.Prompts],
            ["prompt length (tokens)", d.Load.PromptTokens],
            ["output length (tokens)", d.Load.OutputTokens],
            ["warm-up, left out", d.Load.WarmUp],
            ["a point ends after", d.Load.Bound],
            ["objective", Words(d.Objective) ?? "none was named"],
            ["seed", $"{d.Seed}"],
            ["points", model.Points.Count == 0 ? null
                : $"{Quantity.Count(model.Points.Count)} measurements of {Quantity.Count(model.Measurements.Count)} settings, "
                    + $"{Quantity.Count(model.Points.Sum(p => p.Summary.Requests), "request")}"],
        ];
        return [.. rows.Where(r => r[1] is { Length: > 0 }).Select(r => (string[])[r[0]!, r[1]!])];
    }

    private static string Options(ReportModel model) =>
        string.Join("; ", model.Points.SelectMany(p => p.Settings.Options).GroupBy(o => o.Key, o => o.Value).OrderBy(g => g.Key,
        StringComparer.Ordinal).Select(g => $"{g.Key} {string.Join(" | ", g.Distinct().Order(StringComparer.Ordinal))}"));
}
