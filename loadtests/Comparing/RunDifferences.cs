using Btx.LoadTests.Costs;

namespace Btx.LoadTests.Comparing;

/// <summary>What makes two runs hard to compare.</summary>
internal static class RunDifferences
{
    public static IEnumerable<string> Of(MeasuredRun first, MeasuredRun second)
    {
        var (a, b) = (first.Description, second.Description);
        string[] machine = [.. Pairs(("processor", a.Machine.Processor, b.Machine.Processor), ("cores", a.Machine.Cores, b.Machine.Cores),
            ("memory, bytes", a.Machine.MemoryBytes, b.Machine.MemoryBytes),
            ("operating system", a.Machine.OperatingSystem, b.Machine.OperatingSystem))];
        if (machine.Length > 0)
            yield return $"another machine: {string.Join("; ", machine)}: ratios below are of machines as much as of versions";
        if (a.Version != b.Version) yield return $"another version: {a.Version} and {b.Version}";
        string[] load =
        [
            .. Pairs(("door", a.Load.Door, b.Load.Door), ("prompts", a.Load.Prompts, b.Load.Prompts),
                ("prompt tokens", a.Load.PromptTokens, b.Load.PromptTokens),
                ("output tokens", a.Load.OutputTokens, b.Load.OutputTokens), ("warm-up", a.Load.WarmUp, b.Load.WarmUp),
                    ("bound", a.Load.Bound, b.Load.Bound)),
        ];
        if (load.Length > 0) yield return $"another load: {string.Join("; ", load)}";
        if (a.Objective != b.Objective) yield return "another objective: goodput does not mean the same";
        if (a.Seed != b.Seed) yield return $"another seed ({a.Seed} and {b.Seed}): other prompts, lengths and order";
        if (Math.Abs(a.Machine.LoadAverage - b.Machine.LoadAverage) > 0.5)
            yield return $"the machine was busier in one of them: load average {a.Machine.LoadAverage:0.0} and "
                + $"{b.Machine.LoadAverage:0.0} before they began";
        var experts = Pairs(("experts", Experts(first), Experts(second))).FirstOrDefault();
        if (experts is not null) yield return $"another forest: {experts}";
        if (first.Quality is { } q && second.Quality is { } r && q.Source != r.Source)
            yield return $"quality of other text or by another way: \"{q.Source}\" and \"{r.Source}\"; its changes are not judged";
        if (Drift(first, second) is { } drift) yield return drift;
    }

    private static string Experts(MeasuredRun run) =>
        string.Join("/", run.Points.Select(p => p.Experts).OfType<int>().Where(n => n > 0).Distinct().Order());

    private static IEnumerable<string> Pairs(params (string Name, object First, object Second)[] pairs) =>
        pairs.Where(p => !Equals(p.First, p.Second)).Select(p => $"{p.Name} {p.First} and {p.Second}");

    // The reference point is there to show the machine: of the same version its shift is the machine's.
    private static string? Drift(MeasuredRun first, MeasuredRun second)
    {
        var names = first.Points.Where(p => p.Reference).Select(p => p.Settings.Name)
            .Intersect(second.Points.Where(p => p.Reference).Select(p => p.Settings.Name)).ToArray();
        var noise = new RepeatNoise(CostMetric.InterToken, [.. first.Points.Where(p => p.Reference)],
            [.. second.Points.Where(p => p.Reference)]);
        foreach (var name in names)
        {
            bool Is(Records.PointResult p) => p.Reference && p.Settings.Name == name;
            var change = PointChanges.Compare(name, CostMetric.InterToken, noise, first.Points.Where(Is), second.Points.Where(Is));
            if (change is { P: < 0.05, Ratio: { } ratio })
                return $"the reference point {name} takes {Wording.More(ratio.Value)} time between tokens in the second run (p = "
                    + $"{change.P:0.0000}): with the same version and forest that is the machine, and as much of the changes below";
        }

        return null;
    }
}
