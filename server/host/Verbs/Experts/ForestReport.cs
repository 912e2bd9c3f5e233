using Btx.Cli;
using Btx.V1;
using Google.Protobuf.Collections;

namespace Btx.Server.Verbs.Experts;

/// <summary>States and histories as lines for a terminal.</summary>
internal static class ForestReport
{
    public static IEnumerable<string> Of(ListExpertsResponse forest)
    {
        var quarantined = forest.Experts.Count(e => e.Status != "ready");
        yield return $"forest at revision {forest.Revision}: {forest.Experts.Count} "
            + $"experts{(quarantined > 0 ? $", {quarantined} of them quarantined" : "")}, {forest.Precision}";
        foreach (var line in TextTable.Lines(["NAME", "DOMAIN", "STATUS", "ROUND", "TOKENS", "BRANCHED FROM", "SHA-256"],
            forest.Experts.Select(e =>
                (string[])[e.Name, e.Domain, e.Status, $"{e.Round}", Quantity.Short(e.Tokens), Parents(e.Parents), $"{e.Sha256[..12]}…"])))
            yield return line;
        foreach (var twins in forest.Experts.GroupBy(e => e.Sha256).Where(g => g.Count() > 1))
            yield return $"the same weights: {string.Join(", ", twins.Select(e => e.Name))}; they count double in "
                + "every mixture, and can be removed only together";
        foreach (var damaged in forest.Experts.Where(e => e.Problem.Length > 0))
            yield return $"{damaged.Name} is quarantined: {damaged.Problem}";
        if (forest.BtxProblem.Length > 0) yield return $"the BTX model is not served: {forest.BtxProblem}";
        string[] removed = [.. forest.Absent.Where(a => a.HasRemovedIn).Select(a => $"{a.Name} (revision {a.RemovedIn})")];
        if (removed.Length > 0) yield return $"removed: {string.Join(", ", removed)}";
        if (forest.ExpertRoots.Count > 0) yield return $"experts may be added from: {string.Join(", ", forest.ExpertRoots)}";
        if (forest.KeyFingerprint.Length > 0) yield return $"certificates are signed by the key {forest.KeyFingerprint}";
    }

    public static IEnumerable<string> Of(ShowExpertResponse shown)
    {
        var e = shown.Expert;
        yield return $"{e.Name}: domain {e.Domain}, {e.Status}{(e.Problem.Length > 0 ? $": {e.Problem}" : "")}";
        yield return $"  weights        SHA-256 {e.Sha256}{(e.Path.Length > 0 ? $", {Place(e)}" : "")}";
        var trained = e.Round > 0 ? $"in round {e.Round}, {Quantity.Short(e.Tokens)} tokens, {e.Steps} steps after branching"
            : "elsewhere: imported";
        yield return $"  trained        {trained}{(e.CorpusSha256.Length > 0 ? $", text SHA-256 {e.CorpusSha256[..12]}…" : "")}";
        yield return $"  branched from  {Parents(e.Parents)}";
        yield return $"  has in it      {Shares(shown.Ancestors)}";
        yield return $"  is in          {Shares(shown.Descendants)}";
        var prior = e.Prior.OrderByDescending(p => p.Value).Select(p => $"{p.Key} {Quantity.Share(p.Value)}");
        yield return $"  cached prior   {(e.Prior.Count == 0 ? "none" : string.Join(", ", prior))}";
        yield return $"  averages       {(shown.Averages.Count == 0 ? "none by name" : string.Join(", ", shown.Averages))}";
    }

    public static IEnumerable<string> Of(HistoryResponse history) => history.Changes.Count == 0
        ? ["no change has been made: the forest is as it was exported"]
        : TextTable.Lines(["ID", "TIME (UTC)", "KIND", "OF", "OUTCOME", "REVISION", "AUTHOR", "REASON"],
            history.Changes.Select(c => (string[])[c.Id, Time(c), c.Kind, Subjects(c), c.Outcome,
                c.HasRevisionAfter ? $"{c.RevisionBefore} -> {c.RevisionAfter}" : $"{c.RevisionBefore}", c.Author, Reason(c)]));

    public static IEnumerable<string> Of(ListAveragesResponse averages) => averages.Averages.Count == 0
        ? ["no average has a name; uniform, and one for each domain with a cached prior, are served without"]
        : TextTable.Lines(["NAME", "WEIGHTS", "FROM"], averages.Averages.Select(a => (string[])
            [
                a.Name,
                string.Join(" ", a.Weights.OrderByDescending(w => w.Value).Select(w => $"{w.Key} {Quantity.Share(w.Value)}")),
                a.Domain.Length > 0 ? $"the prior of {a.Domain}"
                    : a.SampleSha256.Length > 0 ? $"sample text {a.SampleSha256[..12]}…" : "chosen weights",
            ]));

    /// <summary>One line of <c>watch</c>.</summary>
    public static string Of(ForestEvent e) =>
        $"{e.Time.ToDateTime():HH:mm:ss.fff}  {e.Change.Id}  {e.Change.Kind} {Subjects(e.Change)}  "
        + $"{(e.Phase.Length > 0 ? e.Phase : e.Change.Outcome)}  {e.Message}  (revision {e.Revision}: {string.Join(", ", e.Experts)})";

    /// <summary>Where an expert's weights lie.</summary>
    public static string Place(RegisteredExpert e) => e.Root switch
    {
        "source" => $"{e.Path} of the source forest",
        "served" => $"{e.Path} of the served forest",
        _ => e.Path,
    };

    private static string Time(Change c) => c.Time.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss");

    private static string Subjects(Change c) => c.Subjects.Count == 0 ? "-" : string.Join(", ", c.Subjects);

    private static string Reason(Change c) =>
        c.Reason
        + (c.Undoes.Length > 0 ? $" (undoes {c.Undoes})" : "")
        + (c.Purge.Count == 0 ? "" : c.PurgedAt is null ? " (files still to be deleted)" : " (files deleted)")
        + (c.Message.Length > 0 ? $": {c.Message}" : "");

    private static string Parents(RepeatedField<Parent> parents) => parents.Count == 0 ? "-"
        : string.Join(" ", parents.Select(p => $"{p.Name} {p.Weight:0.##}"));

    private static string Shares(RepeatedField<LineageShare> shares) => shares.Count == 0 ? "-"
        : string.Join(", ", shares.Select(s => $"{s.Name} {Quantity.Share(s.Share)}"));
}
