using Btx.Model.Serving;

namespace Btx.Model.Registry;

/// <summary>What must hold for a <see cref="ForestState"/>; reports every problem, not only the first.</summary>
public static class ForestStateRules
{
    /// <summary>Bounds what a long-lived server remembers.</summary>
    public const int MaxAbsent = 1 << 16;

    public const int MaxAverages = 1024;

    public static IEnumerable<string> Problems(ForestState state)
    {
        if (state.Schema != ForestState.CurrentSchema)
            yield return $"schema is {state.Schema}; this version reads {ForestState.CurrentSchema}";
        if (state.Revision < 0) yield return $"revision is {state.Revision}; expected 0 or more";
        if (!ForestManifestRules.IsHash(state.SourceSha256)) yield return "source_sha256 is not a SHA-256";
        if (!ServedManifest.Precisions.Contains(state.Precision))
            yield return $"precision \"{BtxException.OneLine(state.Precision)}\" is unknown; use "
                + string.Join(", ", ServedManifest.Precisions);
        if (state.Moe is not null && !IsText(state.Moe, 4096)) yield return "mixture is empty or has a control character";
        if (state is { Moe: not null, MoeDropped: true }) yield return "mixture is named and dropped";
        if (state.Experts.Any(e => e is null || e.Parents.Any(p => p is null))
            || state.Absent.Any(e => e is null || e.Parents.Any(p => p is null)) || state.Averages.Any(a => a is null))
        {
            yield return "experts, absent or averages holds null";
            yield break;
        }

        foreach (var problem in ForestManifestRules.Problems(state.ToManifest(), "state", null)) yield return problem;
        foreach (var problem in state.Experts.SelectMany(PathProblems)) yield return problem;
        if (state.Experts.Count > 0 && !state.Ready.Any()) yield return "no expert is ready";
        if (state.Experts.Count == 0) yield return "experts is empty";
        var names = state.Experts.Select(e => e.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var problem in AbsentProblems(state, names)) yield return problem;
        foreach (var problem in ParentProblems(state)) yield return problem;
        foreach (var problem in AverageProblems(state)) yield return problem;
        if (Lineage.Problem(state) is { } lineage) yield return lineage;
    }

    internal static void RequireText(string what, string? text, int most, string remedy)
    {
        if (IsText(text, most)) return;
        throw new BtxException(ErrorKind.Precondition, $"the {what} of a change is missing, has a control character or more than {most} "
            + $"characters; {remedy}");
    }

    /// <summary>True for 1 to <paramref name="limit"/> printable characters, not all blank, that JSON can hold.</summary>
    internal static bool IsText(string? text, int limit) =>
        !string.IsNullOrWhiteSpace(text) && text.Length <= limit && !text.Any(char.IsControl)
        && text.EnumerateRunes().All(r => r != System.Text.Rune.ReplacementChar);

    private static IEnumerable<string> PathProblems(RegisteredExpert e)
    {
        if (!ExpertRoot.Names.Contains(e.Root))
            yield return $"expert \"{e.Name}\": root \"{BtxException.OneLine(e.Root)}\" is unknown; use "
                + $"{string.Join(", ", ExpertRoot.Names)}";
        if (!IsText(e.Path, 4096) || e.Path.Split('/').Any(p => p is "." or ".."))
            yield return $"expert \"{e.Name}\": path \"{BtxException.OneLine(e.Path)}\" is empty or has a \".\" or \"..\" part";
        else if (Path.IsPathRooted(e.Path) != (e.Root == ExpertRoot.External))
            yield return $"expert \"{e.Name}\": path \"{BtxException.OneLine(e.Path)}\" of root {e.Root} must "
                + $"{(e.Root == ExpertRoot.External ? "" : "not ")}be absolute";
    }

    private static IEnumerable<string> AbsentProblems(ForestState state, HashSet<string> names)
    {
        if (state.Absent.Count > MaxAbsent)
            yield return $"{state.Absent.Count} absent experts; at most {MaxAbsent} are remembered: export the forest to another directory";
        foreach (var a in state.Absent)
        {
            var title = $"absent expert \"{BtxException.OneLine(a.Name ?? "")}\"";
            if (!ForestManifestRules.IsName(a.Name)) yield return $"{title}: the name is not 1-64 of a-z 0-9 . _ -";
            else if (!names.Add(a.Name)) yield return $"expert \"{a.Name}\" is listed twice";
            if (a.Domain is not null && !ForestManifestRules.IsName(a.Domain)) yield return $"{title}: domain is not a name";
            if (new[] { a.Sha256, a.CorpusSha256 }.Any(h => h is not null && !ForestManifestRules.IsHash(h)))
                yield return $"{title}: sha256 or corpus_sha256 is not a SHA-256";
            if (a.Parents.Any(p => !ForestManifestRules.IsName(p.Name) || !(p.Weight is >= 0 and <= 1)))
                yield return $"{title}: a parent has no valid name, or a weight outside 0..1";
            if (a.RemovedIn is < 1 || a.RemovedIn > state.Revision)
                yield return $"{title}: removed_in is {a.RemovedIn}; expected 1..{state.Revision}";
        }
    }

    // A lineage may not say one expert and mean another.
    private static IEnumerable<string> ParentProblems(ForestState state)
    {
        var known = state.Absent.Select(a => (a.Name, Sha256: a.Sha256 ?? "")).Concat(state.Experts.Select(e => (e.Name, e.Sha256)));
        var hashes = known.ToLookup(e => e.Name, e => e.Sha256);
        foreach (var p in state.Experts.SelectMany(e => e.Parents).Concat(state.Absent.SelectMany(a => a.Parents)))
            if (p.Sha256 is not null && p.Name != ForestState.Seed && !hashes[p.Name].Contains(p.Sha256))
                yield return $"parent \"{BtxException.OneLine(p.Name)}\" has not the weights of the one that is recorded";
    }

    private static IEnumerable<string> AverageProblems(ForestState state)
    {
        if (state.Averages.Count > MaxAverages) yield return $"{state.Averages.Count} averages; at most {MaxAverages} are supported";
        string[] ready = [.. state.Ready.Select(e => e.Name)];
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var a in state.Averages)
        {
            var title = $"average \"{BtxException.OneLine(a.Name ?? "")}\"";
            if (!ForestManifestRules.IsName(a.Name)) yield return $"{title}: the name is not 1-64 of a-z 0-9 . _ -";
            else if (!names.Add(a.Name)) yield return $"{title} is listed twice";
            else if (NamedAverage.Reserved.Contains(a.Name))
                yield return $"{title}: the name is reserved; choose another than {string.Join(", ", NamedAverage.Reserved)}";
            if (a.SampleSha256 is not null && !ForestManifestRules.IsHash(a.SampleSha256))
                yield return $"{title}: sample_sha256 is not a SHA-256";
            if (a.Weights is null == a.Domain is null) yield return $"{title}: expected either weights or a domain";
            if (a.Domain is { } domain && (!ForestManifestRules.IsName(domain) || state.ToManifest().Prior(domain, ready) is null))
                yield return $"{title}: no prior of domain \"{BtxException.OneLine(domain)}\" over the experts that serve is known; "
                    + $"known are {string.Join(", ", state.ToManifest().Priors(ready).Keys.Take(20).DefaultIfEmpty("none"))}";
            foreach (var (name, weight) in a.Weights ?? new Dictionary<string, double>())
            {
                if (!ready.Contains(name)) yield return $"{title}: no expert \"{BtxException.OneLine(name)}\" serves";
                if (!(weight is > 0 and <= 1))
                    yield return $"{title}: the weight of \"{BtxException.OneLine(name)}\" is {weight}; expected above 0, at most 1";
            }

            if (a.Weights is not null && !(Math.Abs(a.Weights.Values.Sum() - 1) <= 1e-6))
                yield return $"{title}: weights sum to {a.Weights.Values.Sum()}; expected 1";
        }
    }
}
