using System.Text.Json.Nodes;
using Btx.Model.Files;
using Btx.Model.Forests;
using Btx.Model.Registry;
using Btx.Model.Serving;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts verify</c>: checks a removal certificate without a server.</summary>
internal static class VerifyVerb
{
    private const string Text =
        """
        Check a removal certificate, offline: its form, its signature, that its fields agree and that the equality check had
        passed. With --fingerprint, that this key signed it; with --forest, that the served forest's journal has the change,
        that the removed are not served now, and that deleted files are gone. Exit code 0: valid, 1: not.

        Examples:
          btx experts verify certificates/c000007.json
          btx experts verify python.json --forest served --fingerprint 3f2a…
        """;

    public static Command Create()
    {
        var certificate = new Argument<string>("certificate") { Description = "the certificate's file; -: standard input" };
        var served = new Flag<string?>("--forest DIR", "the served forest that it speaks of");
        var fingerprint = new Flag<string?>("--fingerprint HEX",
            "SHA-256 of the key that must have signed it (the served forest's, or else any)");
        var json = new JsonFlag();
        var command = new Command("verify", Text) { certificate, served, fingerprint, json };
        command.SetAction(parsed =>
        {
            var (file, forest, key) = (parsed.GetValue(certificate)!, parsed.GetValue(served), parsed.GetValue(fingerprint));
            if (forest is not null) ServedForestManifest.Load(forest, trees: false); // no fault of the certificate
            key = key?.ToLowerInvariant();
            var report = file == "-" ? CertificateVerifier.Verify(TextFile.StandardInput(), "standard input", key, forest)
                : CertificateVerifier.Verify(file, key, forest);
            json.Write(parsed, Json(report), ForestReport.Shown(Lines(report, forest is null && key is null)), AtomicFile.WriteText);
            return report.Valid ? 0 : 1;
        });
        return command;
    }

    // Of a certificate that nobody vouches for: entries may be null.
    private static IEnumerable<string> Lines(CertificateReport report, bool anyKey)
    {
        if (report.Certificate is { } c)
        {
            yield return $"certificate of removal {c.ChangeId}: {string.Join(", ", c.Removed.Select(e => e?.Name))}, by {c.Author} on "
                + $"{c.Time:yyyy-MM-dd HH:mm:ss} UTC, \"{c.Reason}\"";
            foreach (var r in c.Residuals.Where(r => r?.Share > 0))
                yield return $"  residual ancestry in {r.Expert}{(r.Status == "ready" ? "" : $" ({r.Status})")}: {Quantity.Share(r.Share)}";
        }

        foreach (var check in report.Checks) yield return $"  ok     {check}";
        foreach (var problem in report.Problems) yield return $"  FAULT  {problem}";
        if (report.Valid && anyKey)
            yield return "  note   any key is accepted: compare it with the fingerprint noted when the "
                + "server was set up (--fingerprint, or --forest)";
        yield return report.Valid ? "valid" : "NOT VALID";
        if (report is { Valid: true, Certificate: { } valid }) yield return valid.Statement;
    }

    private static string Json(CertificateReport report) => MessageJson.Text(
        new JsonObject
        {
            ["valid"] = report.Valid,
            ["checks"] = new JsonArray([.. report.Checks]),
            ["faults"] = new JsonArray([.. report.Problems]),
            ["certificate"] = report.Certificate is null ? null : JsonSerializer.SerializeToNode(report.Certificate, ManifestJson.Options),
        },
        indented: true);
}
