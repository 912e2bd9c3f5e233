using Btx.LoadTests.Records;

namespace Btx.LoadTests.Sweeps;

/// <summary>The axes of a sweep: every combination that makes sense is a point.</summary>
internal sealed record Grid
{
    private static readonly string[] s_plain = ["ensemble", "top_k", "moe", "average", "expert"], s_named = ["average", "expert", "top_p"];

    /// <summary>As <see cref="PointSettings.Mode"/>; null: all that the server has.</summary>
    public IReadOnlyList<string>? Modes { get; init; }

    /// <summary>Modes of peers, with the precision of each.</summary>
    public IReadOnlyList<(string Mode, string Precision)> Peers { get; init; } = [];

    /// <summary>Of top_k and moe; null: all that the server has.</summary>
    public IReadOnlyList<int>? K { get; init; }

    /// <summary>Closed loops, by requests in flight.</summary>
    public required IReadOnlyList<int> Concurrency { get; init; }

    /// <summary>Open loops, by requests due a second.</summary>
    public required IReadOnlyList<double> Rates { get; init; }

    /// <summary>Open loops, as shares of what the same settings gave in their best closed loop; see <see cref="CurveRates"/>.</summary>
    public IReadOnlyList<double> RateShares { get; init; } = [];

    /// <summary>Modes that the open loops are measured in, <c>top_k=2</c> one k of a mode; null: all.</summary>
    public IReadOnlyList<string>? RateModes { get; init; }

    /// <summary>Further server options, each with its values.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>> Options { get; init; } = new Dictionary<string, IReadOnlyList<string>>();

    /// <summary>Checks the names of modes, before any server is started.</summary>
    /// <exception cref="LoadTestException">A mode is unknown.</exception>
    public static void RequireModes(string option, IEnumerable<string> modes)
    {
        foreach (var mode in modes)
        {
            var name = mode.Split(':', 2);
            if (name.Length == 1 ? !s_plain.Contains(mode) : !s_named.Contains(name[0]) || name[1].Length == 0)
                throw new LoadTestException($"{option} {mode}: unknown mode; use ensemble, top_k, top_p:MASS, moe, average, "
                    + "average:NAME, expert (of the prompt's domain) or expert:NAME; peers are named with --peer");
            if (name[0] == "top_p" && !(double.TryParse(name[1], out var p) && p is > 0 and <= 1))
                throw new LoadTestException($"{option} {mode}: expected a posterior mass in (0, 1], for example top_p:0.9");
        }
    }

    /// <summary>All points of what is served in each precision, in the order of the axes. Peers have a point a load,
    /// whatever precisions and options there are.</summary>
    /// <param name="served">By precision.</param>
    /// <param name="notes">Gets a line for each value that a mode cannot take.</param>
    /// <exception cref="LoadTestException">A value that no mode can take, or a point that nothing serves.</exception>
    public IReadOnlyList<PointSettings> Points(IReadOnlyDictionary<string, ServedFacts> served, IList<string> notes)
    {
        var points = new List<PointSettings>();
        foreach (var (precision, facts) in served)
        {
            foreach (var (mode, k) in ModesOf(precision, facts, notes))
                points.AddRange(Loads(mode, k)
                    .SelectMany(load => Combinations().Select(options => load with { Precision = precision, Options = options })));
        }

        foreach (var mode in (Modes ?? []).Where(m => points.All(p => p.Mode != m)))
            throw new LoadTestException($"--modes {mode}: {Unserved(mode, served.Values)}");
        foreach (var k in (K ?? []).Where(k => points.All(p => p.K != k || p.Mode is not ("top_k" or "moe"))))
            throw new LoadTestException($"--k {k}: no mode takes it; "
                + $"{string.Join("; ", served.Values.Select(f => $"the forest has {f.Experts.Count} experts, the BTX "
                    + $"model {f.MixtureExperts.Count}"))}");
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
            switch (mode)
            {
                case "ensemble":
                    yield return (mode, facts.Experts.Count);
                    break;
                case "top_k" or "moe":
                    var choices = mode == "moe" ? facts.MixtureChoices : [.. Enumerable.Range(1, facts.Experts.Count)];
                    foreach (var k in K ?? choices)
                    {
                        if (choices.Contains(k)) yield return (mode, k);
                        else notes.Add($"{mode} in {precision}: k {k} is left out; it takes {string.Join(", ", choices)}");
                    }

                    break;
                default:
                    if (mode.StartsWith("expert:", StringComparison.Ordinal) && !facts.Experts.Contains(mode["expert:".Length..]))
                        notes.Add($"{mode} is left out in {precision}; experts are {string.Join(", ", facts.Experts)}");
                    else yield return (mode, mode.StartsWith("top_p", StringComparison.Ordinal) ? null : 1);
                    break;
            }
        }
    }

    private IEnumerable<PointSettings> Loads(string mode, int? k)
    {
        foreach (var n in Concurrency) yield return new(mode, k, "closed", n, null, "fp32", new Dictionary<string, string>());
        if (!HasRates(mode, k)) yield break;
        foreach (var rate in Rates) yield return new(mode, k, "open", null, rate, "fp32", new Dictionary<string, string>());
    }

    private IEnumerable<IReadOnlyDictionary<string, string>> Combinations()
    {
        IEnumerable<Dictionary<string, string>> all = [new(StringComparer.Ordinal)];
        foreach (var (name, values) in Options.OrderBy(o => o.Key, StringComparer.Ordinal))
            all = [.. all.SelectMany(chosen =>
                values.Select(v => new Dictionary<string, string>(chosen, StringComparer.Ordinal) { [name] = v }))];
        return all;
    }
}
