using Btx.V1;
using Google.Protobuf.Collections;
using RemovalCertificate = Btx.Model.Registry.RemovalCertificate;

namespace Btx.Server.Verbs.Experts;

/// <summary>States, histories and what a change did, as lines for a terminal.</summary>
internal static class ForestReport
{
    private const int MostRemains = 8;

    /// <summary>Lines with words of a server, a journal or a certificate in them: a terminal shows what it might obey.</summary>
    public static IEnumerable<string> Shown(IEnumerable<string> lines) => lines.Select(Shown);

    /// <inheritdoc cref="Shown(IEnumerable{string})"/>
    public static string Shown(string line) => BtxException.OneLine(line, int.MaxValue);

    public static IEnumerable<string> Of(ListExpertsResponse forest)
    {
        var quarantined = forest.Experts.Count(e => e.Status != "ready");
        yield return $"forest at revision {forest.Revision}: {forest.Experts.Count} "
            + $"experts{(quarantined > 0 ? $", {quarantined} of them quarantined" : "")}, {forest.Precision}";
        foreach (var line in TextTable.Lines(["NAME", "DOMAIN", "STATUS", "ROUND", "TOKENS", "BRANCHED FROM", "SHA-256"],
            forest.Experts.Select(e =>
                (string[])[e.Name, e.Domain, e.Status, $"{e.Round}", Quantity.Short(e.Tokens), Parents(e.Parents), Start(e.Sha256)])))
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
        yield return $"  trained        {trained}{(e.CorpusSha256.Length > 0 ? $", text SHA-256 {Start(e.CorpusSha256)}" : "")}";
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
                    : a.SampleSha256.Length > 0 ? $"sample text {Start(a.SampleSha256)}" : "chosen weights",
            ]));

    public static IEnumerable<string> Of(RemovalPlan plan)
    {
        yield return $"to be removed: {string.Join(", ", plan.Removed)}";
        foreach (var (what, names) in new[] { ("to be quarantined", plan.Quarantined), ("averages to be dropped", plan.DroppedAverages),
            ("averages over the others", plan.ReweightedAverages), ("priors over the others", plan.ReweightedPriors) })
            if (names.Count > 0) yield return $"{what}: {string.Join(", ", names)}";
        if (plan.Moe.Length > 0) yield return $"the served BTX model: {plan.Moe}";
        if (plan.MoeRefused.Length > 0) yield return $"the removal would be refused: {plan.MoeRefused}";
        foreach (var r in plan.Residuals)
        {
            var parts = string.Join(", ", r.ByAncestor.Select(a => $"{a.Key} {Quantity.Share(a.Value)}"));
            yield return $"residual ancestry in {r.Expert}{(r.Status == "quarantined" ? " (quarantined)" : "")}: "
                + $"{Quantity.Share(r.Share)}{(r.ByAncestor.Count > 1 ? $" ({parts})" : "")}";
        }
    }

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

    private static string Start(string hash) => BtxException.OneLine(hash, 12);

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

    public static IEnumerable<string> Of(ChangeResult result)
    {
        var change = result.Change;
        yield return $"{change.Id} {change.Outcome}: {change.Kind} {string.Join(", ", change.Subjects)}, revision "
            + $"{change.RevisionBefore} -> {change.RevisionAfter}, by {change.Author}";
        if (result.Swap is { } swap)
        {
            yield return $"  requests     {Requests(swap)}; the engine paused {Quantity.Seconds(swap.PauseSeconds)}";
            if (swap.BytesReturned > 0) yield return $"  memory       {Quantity.Bytes(swap.BytesReturned)} returned";
        }

        if (Certificate(result) is { } certificate)
        {
            foreach (var line in Certified(certificate)) yield return line;
        }

        foreach (var note in result.Notes) yield return $"  note         {note}";
    }

    /// <summary>Null: it was no removal.</summary>
    public static RemovalCertificate? Certificate(ChangeResult result) =>
        result.Certificate.IsEmpty ? null : RemovalCertificate.Parse(result.Certificate.Span, $"the certificate of {result.Change.Id}");

    private static IEnumerable<string> Certified(RemovalCertificate certificate)
    {
        var files = certificate.Removed.SelectMany(e => e.Files).ToList();
        var deleted = files.Where(f => f.Deleted).ToList();
        yield return $"  removed      {string.Join(", ", certificate.Removed.Select(e => $"{e.Name} ({Start(e.Sha256)})"))}";
        if (deleted.Count > 0) yield return $"  deleted      {deleted.Count} files, {Quantity.Bytes(deleted.Sum(f => f.Bytes))}";
        foreach (var file in files.Where(f => f.Remains is not null).Take(MostRemains))
            yield return $"  remains      {file.Path} ({Quantity.Bytes(file.Bytes)}): {file.Remains}";
        var more = files.Count(f => f.Remains is not null) - MostRemains;
        if (more > 0) yield return $"  remains      {more} more files, see the certificate";
        var kept = files.Count(f => f is { Deleted: false, Remains: null });
        if (kept > 0)
            yield return $"  files kept   {kept} where they lie; nothing serves them "
                + "(remove --purge would have deleted them)";
        if (certificate.Quarantined.Count > 0) yield return $"  quarantined  {string.Join(", ", certificate.Quarantined)}";
        var affected = certificate.Residuals.Where(r => r.Share > 0).ToList();
        yield return affected.Count == 0
            ? "  residual     none: no survivor was branched from what was removed"
            : $"  residual     {string.Join(", ", affected.Select(r => $"{r.Expert} {Quantity.Share(r.Share)}"))}";
        var check = certificate.Equality;
        yield return $"  equality     {(check.Passed ? "passed" : "FAILED")}: largest difference {check.LargestDifference:0.##E+0} nats "
            + $"over {check.ProbeTokens} tokens, tolerance {check.Tolerance:0.##E+0}"
            + (check.LeftOut is { } left ? $"; not compared, for their files are at fault: {string.Join(", ", left.Keys)}" : "");
        yield return $"  certificate  certificates/{certificate.ChangeId}.json beside the served forest, signed by "
            + $"{BtxException.OneLine(certificate.KeyFingerprint, 16)}";
    }

    private static string Requests(V1.SwapReport swap)
    {
        (int Count, string What)[] all =
        [
            (swap.Renormalised,
                swap.Refilled > 0 ? $"went on without it ({swap.Refilled} caught up on other experts)" : "went on without it"),
            (swap.Moved, "moved to the new model"), (swap.Drained, "finished as they began"), (swap.Ended, "ended: they asked for it"),
                (swap.Aborted, "aborted"),
        ];
        string[] some = [.. all.Where(a => a.Count > 0).Select(a => $"{a.Count} {a.What}")];
        return some.Length == 0 ? "none was affected" : string.Join(", ", some);
    }
}
