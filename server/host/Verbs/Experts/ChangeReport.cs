using Btx.Cli;
using Btx.Model.Registry;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>What a change did, as lines for a terminal.</summary>
internal static class ChangeReport
{
    private const int MostRemains = 8;

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
        yield return $"  removed      {string.Join(", ", certificate.Removed.Select(e => $"{e.Name} ({e.Sha256[..12]}…)"))}";
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
            + $"{certificate.KeyFingerprint[..Math.Min(16, certificate.KeyFingerprint.Length)]}…";
    }

    private static string Requests(SwapReport swap)
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
