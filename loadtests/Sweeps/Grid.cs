using System.Globalization;

namespace Btx.LoadTests.Sweeps;

/// <summary>The axes of a sweep: every combination that makes sense is a point.</summary>
/// <param name="Concurrency">Closed loops, by requests in flight.</param>
/// <param name="RateModes">Modes that the open loops are measured in, <c>top_k=2</c> one k of a mode; null: all.</param>
internal sealed record Grid(IReadOnlyList<int> Concurrency, IReadOnlyList<double> Rates, IReadOnlyList<string>? RateModes = null,
    IReadOnlyList<string>? Modes = null, IReadOnlyList<int>? K = null)
{
    private static readonly string[] s_plain = ["ensemble", "top_k", "moe", "average", "expert"], s_named = ["average", "expert", "top_p"];

    /// <summary>Open loops, as shares of what the same settings gave in their best closed loop; see <see cref="CurveRates"/>.</summary>
    public IReadOnlyList<double> RateShares { get; init; } = [];

    public IReadOnlyList<(string Mode, string Precision)> Peers { get; init; } = [];

    /// <summary>Further server options, each with its values.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Options { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Checks what can be checked before any server is started.</summary>
    public void Validate()
    {
        foreach (var mode in Modes ?? [])
        {
            var name = mode.Split(':', 2);
            if (name.Length == 1 ? !s_plain.Contains(mode) : !s_named.Contains(name[0]) || name[1].Length == 0)
                throw new LoadTestException($"--modes {mode}: unknown mode; use ensemble, top_k, top_p:MASS, moe, average[:A], expert[:E]");
            if (name[0] == "top_p" && !(double.TryParse(name[1], out var p) && p is > 0 and <= 1))
                throw new LoadTestException($"--modes {mode}: expected a posterior mass in (0, 1], for example top_p:0.9");
        }

        foreach (var c in Concurrency.Where(v => v > Arrivals.MostInFlight))
            throw new LoadTestException($"--concurrency {c}: one client has {Arrivals.MostInFlight} requests in flight at most");
        foreach (var r in Rates.Where(v => v > Arrivals.MostPerSecond))
            throw new LoadTestException($"--rate {r}: one client sends {Arrivals.MostPerSecond} requests a second at most");
        if (RateShares.Count > 0 && Concurrency.Count == 0)
            throw new LoadTestException("--rate with %: shares of the best closed loop need closed loops; give --concurrency");
    }

    /// <summary>All points of what is served in each precision, in the order of the axes; peers have a point a load.</summary>
    public IReadOnlyList<PointSettings> Points(IReadOnlyDictionary<string, ServedFacts> served, IList<string> notes)
    {
        var points = new List<PointSettings>();
        foreach (var (precision, facts) in served)
            points.AddRange(from mode in ModesOf(precision, facts, notes)
                            from load in Loads(mode.Mode, mode.K)
                            from options in Combinations()
                            select load with { Precision = precision, Options = options });
        foreach (var mode in (Modes ?? []).Where(m => points.All(p => p.Mode != m)))
            throw new LoadTestException($"--modes {mode}: {Unserved(mode, served.Values)}");
        foreach (var k in (K ?? []).Where(k => points.All(p => p.K != k || p.Mode is not ("top_k" or "moe"))))
            throw new LoadTestException($"--k {k}: no mode takes it; " + string.Join("; ", served.Values
                .Select(f => $"the forest has {f.Experts.Count} experts, the BTX model {f.MixtureExperts.Count}")));
        if (points.Count == 0) throw new LoadTestException("the sweep has no points; name --modes, and --concurrency or --rate");
        foreach (var (mode, precision) in Peers) points.AddRange(Loads(mode, null).Select(load => load with { Precision = precision }));
        return points;
    }

    public bool HasRates(string mode, int? k) => RateModes is null || RateModes.Contains(mode) || RateModes.Contains($"{mode}={k}");

    private static string Unserved(string mode, IEnumerable<ServedFacts> served)
    {
        if (mode == "moe")
            return served.FirstOrDefault(f => f.MixtureExperts.Count > 0) is { } mixture
                ? $"takes k {string.Join(", ", mixture.MixtureChoices)}, and --k names none of these"
                : "no BTX model is served; add --btx DIR";
        if (served.FirstOrDefault(f => f.Experts.Count > 0) is not { } forest) return "no forest is served; add --forest DIR";
        return mode == "top_k" ? $"takes k 1..{forest.Experts.Count}, and --k names none of these"
            : $"no such expert is served; there are {string.Join(", ", forest.Experts)}";
    }

    private IEnumerable<(string Mode, int? K)> ModesOf(string precision, ServedFacts facts, IList<string> notes)
    {
        foreach (var mode in Modes ?? ["ensemble", "top_k", "average", "moe"])
        {
            if ((mode == "moe" ? facts.MixtureExperts : facts.Experts).Count == 0) continue;
            if (mode is "top_k" or "moe")
            {
                var choices = mode == "moe" ? facts.MixtureChoices : [.. Enumerable.Range(1, facts.Experts.Count)];
                foreach (var k in K ?? choices)
                    if (choices.Contains(k)) yield return (mode, k);
                    else notes.Add($"{mode} in {precision}: k {k} is left out; it takes {string.Join(", ", choices)}");
            }
            else if (mode.StartsWith("expert:", StringComparison.Ordinal) && !facts.Experts.Contains(mode["expert:".Length..]))
                notes.Add($"{mode} is left out in {precision}; experts are {string.Join(", ", facts.Experts)}");
            else
                yield return (mode, mode == "ensemble" ? facts.Experts.Count : mode.Contains("top_p") ? null : 1);
        }
    }

    private IEnumerable<PointSettings> Loads(string mode, int? k)
    {
        var settings = new PointSettings(mode, k, "closed", null, null, "fp32", new Dictionary<string, string>());
        var open = Rates.Where(_ => HasRates(mode, k)).Select(rate => settings with { Load = "open", Rate = rate });
        return Concurrency.Select(n => settings with { Concurrency = n }).Concat(open);
    }

    private IEnumerable<Dictionary<string, string>> Combinations()
    {
        IEnumerable<Dictionary<string, string>> all = [[]];
        foreach (var (name, values) in Options.OrderBy(o => o.Key, StringComparer.Ordinal))
            all = [.. all.SelectMany(chosen => values.Select(v => new Dictionary<string, string>(chosen) { [name] = v }))];
        return all;
    }
}

/// <summary>The open loops of a load curve, as shares of what the closed loops gave.</summary>
internal static class CurveRates
{
    /// <returns>For each settings, loads apart: its highest median request rate over the closed loops, times each share.</returns>
    public static IReadOnlyList<PointSettings> Points(IEnumerable<PointResult> measured, Grid grid) =>
    [
        .. measured.Where(p => p.Settings.Load == "closed" && !p.Reference && grid.HasRates(p.Settings.Mode, p.Settings.K))
            .GroupBy(p => (p.Settings with { Concurrency = null }).Name).OrderBy(g => g.Key, StringComparer.Ordinal)
            .SelectMany(group =>
            {
                var capacity = group.GroupBy(p => p.Settings.Concurrency).Max(g => g.Select(p => p.Summary.RequestsPerSecond).Median());
                // Three digits: a name that people can read.
                return grid.RateShares.Select(share => double.Parse($"{capacity * share:G3}")).Where(rate => rate > 0).Distinct()
                    .Select(rate => group.First().Settings with { Load = "open", Concurrency = null, Rate = rate });
            }),
    ];
}

/// <summary>Reads an axis' values from the command line.</summary>
internal static class ValueList
{
    /// <summary><c>1,2,8</c>, <c>1..4</c>, or both.</summary>
    public static IReadOnlyList<int> Integers(string option, string text) =>
    [
        .. Words(option, text).SelectMany(part => part.Split("..") is { Length: 1 or 2 } ends
            && int.TryParse(ends[0], NumberStyles.None, null, out var from) && int.TryParse(ends[^1], NumberStyles.None, null, out var to)
            && from >= 1 && to >= from && to - from <= 10_000 ? Enumerable.Range(from, to - from + 1)
            : throw Unreadable(option, text, "whole numbers from 1, such as 1,2,8 or 1..4")).Distinct(),
    ];

    /// <summary><c>0.5,2</c> and <c>50%,110%</c>, in one list.</summary>
    /// <returns>Requests a second; shares, 1 for 100 %.</returns>
    public static (IReadOnlyList<double> Rates, IReadOnlyList<double> Shares) Rates(string option, string text)
    {
        double Positive(string word) => double.TryParse(word, CultureInfo.InvariantCulture, out var x) && x > 0 && double.IsFinite(x) ? x
            : throw Unreadable(option, text, "numbers above 0, such as 0.5,1,2 or 50%,100%");
        var words = Words(option, text).ToLookup(w => w.EndsWith('%'), w => Positive(w.TrimEnd('%')));
        return ([.. words[false].Distinct()], [.. words[true].Distinct().Select(s => s / 100)]);
    }

    public static IReadOnlyList<string> Words(string option, string text)
    {
        string[] parts = [.. text.Split(',').Select(p => p.Trim()).Distinct()];
        return parts.Contains("") ? throw Unreadable(option, text, "values separated by commas") : parts;
    }

    private static LoadTestException Unreadable(string option, string text, string expected) =>
        new($"{option} {text}: expected {expected}");
}
