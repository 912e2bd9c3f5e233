using Btx.Engine.Forests;
using Btx.Model.Files;
using Btx.Model.Registry;
using Btx.Model.Serving;
using Btx.V1;
using Google.Protobuf;

namespace Btx.Server.Verbs.Experts;

/// <summary>The verbs that look at a forest.</summary>
internal static class ReadingVerbs
{
    private const string ListText =
        """
        List the experts that are served. With --forest, as the directory has them: what a server that is started now would serve.

        Examples:
          btx experts list
          btx experts list --server 127.0.0.1:9001 --json -
          btx experts list --forest served
        """;

    private const string ShowText =
        """
        Show one expert: its weights, its lineage, its prior, the averages that hold it. "has in it" is the residual ancestry:
        how much of each ancestor it was branched from, over all paths; "is in" is how much of it is in others.

        Examples:
          btx experts show python
          btx experts show python --forest served --json -
        """;

    private const string HistoryText =
        """
        List every change that was begun, oldest first: id, time, kind, what of, outcome, revisions, author, reason.

        Examples:
          btx experts history
          btx experts history --limit 10 --json history.json
          btx experts history --forest served
        """;

    private const string WatchText =
        """
        Print every event of the server's forest as it happens, until Ctrl-C or the end of the server: the phases of changes and
        how they end.

        Examples:
          btx experts watch
          btx experts watch --json -            one JSON object a line
        """;

    private const string CertificateText =
        """
        Save the certificate of a removal, as the server has it beside the served forest.

        Examples:
          btx experts certificate c000007 --out python.json
        """;

    public static Command List() => Reading(new("list", ListText), ForestReport.Of,
        (_, forest, cancellation) => forest.ListExpertsAsync(new(), cancellationToken: cancellation), (_, served) =>
        StateMessages.List(CommittedState.Read(served).State, ForestDamage.None, CertificateSigner.FingerprintOf(served), []));

    public static Command Show()
    {
        var name = new Argument<string>("name") { Description = "the expert" };
        return Reading(new("show", ShowText) { name }, ForestReport.Of, (parsed, forest, cancellation) =>
            forest.ShowExpertAsync(new() { Name = parsed.GetValue(name) }, cancellationToken: cancellation),
            (parsed, served) => StateMessages.Show(CommittedState.Read(served).State, ForestDamage.None, parsed.GetValue(name)!, true));
    }

    public static Command History()
    {
        var limit = new Flag<int>("--limit N", "the last so many; 0: all");
        int Limit(ParseResult parsed) => parsed.GetValue(limit) is >= 0 and var last ? last
            : throw new BtxException($"--limit is {parsed.GetValue(limit)}; expected 0 (all) or more");
        return Reading(new("history", HistoryText) { limit }, ForestReport.Of, (parsed, forest, cancellation) =>
            forest.HistoryAsync(new() { Limit = Limit(parsed) }, cancellationToken: cancellation),
            (parsed, served) =>
            {
                ServedForestManifest.Load(served, trees: false); // a directory without a journal need not be a served forest
                return StateMessages.History(JournalContents.Read(served).History, Limit(parsed));
            });
    }

    public static Command Averages() =>
        Reading(new("list", "List the averages that have a name, with their weights as they are served now."), ForestReport.Of,
            (_, forest, cancellation) => forest.ListAveragesAsync(new(), cancellationToken: cancellation));

    public static Command Certificate()
    {
        var change = new Argument<string>("change") { Description = "the removal's id, from history" };
        var file = new Flag<string>("--out FILE", "where to save it") { Required = true };
        var server = new ForestFlags();
        var command = new Command("certificate", CertificateText) { change, file, server.All };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = server.Open(parsed);
            var answer = await remote.Forest.GetCertificateAsync(new() { ChangeId = parsed.GetValue(change) },
                cancellationToken: cancellation);
            Save(answer.Certificate, parsed.GetValue(file)!, parsed.InvocationConfiguration.Output);
            return 0;
        });
        return command;
    }

    public static Command Watch()
    {
        var lines = new Flag<string?>("--json -", "-: one JSON object a line");
        var server = new ForestFlags();
        var command = new Command("watch", WatchText) { lines, server.All };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(lines) is not (null or "-"))
                throw new BtxException($"--json {parsed.GetValue(lines)}: events go to standard output; use --json -");
            using var remote = server.Open(parsed);
            var output = parsed.InvocationConfiguration.Output;
            var events = remote.Forest.Watch(new(), cancellationToken: cancellation);
            await remote.HeadersAsync(events.ResponseHeadersAsync, cancellation);
            await foreach (var e in BtxClient.ReadAsync(events, cancellation))
            {
                var line = parsed.GetValue(lines) is not null ? MessageJson.Text(e, indented: false)
                    : ForestReport.Shown(ForestReport.Of(e)) + "\n";
                await output.WriteAsync(line);
                await output.FlushAsync(cancellation);
            }

            await parsed.InvocationConfiguration.Error.WriteLineAsync("the server has ended");
            return 0;
        });
        return command;
    }

    /// <summary>Writes a message as text, and as JSON if asked to.</summary>
    public static void Write(this JsonFlag json, ParseResult parsed, IMessage message, IEnumerable<string> lines) =>
        json.Write(parsed, MessageJson.Text(message), ForestReport.Shown(lines), AtomicFile.WriteText);

    /// <summary>Saves a certificate and says how it is checked.</summary>
    public static void Save(ByteString certificate, string path, TextWriter output)
    {
        AtomicFile.Write(path, stream => certificate.WriteTo(stream));
        output.WriteLine($"the certificate is in {path}; check it with: btx experts verify {path}");
    }

    /// <param name="ask">Asks the server.</param>
    /// <param name="read">Reads a served forest as its directory has it, which takes no lock; null: the verb cannot.</param>
    private static Command Reading<T>(Command command, Func<T, IEnumerable<string>> report,
        Func<ParseResult, V1.Forest.ForestClient, CancellationToken, AsyncUnaryCall<T>> ask,
        Func<ParseResult, string, T>? read = null) where T : class, IMessage
    {
        var server = new ForestFlags(withDisk: read is not null);
        var json = new JsonFlag();
        command.Add([.. server.All, json]);
        command.SetAction(async (parsed, cancellation) =>
        {
            var served = server.Directory(parsed);
            using var remote = served is null ? server.Open(parsed) : null;
            var answer = served is null ? await ask(parsed, remote!.Forest, cancellation) : read!(parsed, served);
            json.Write(parsed, answer, report(answer));
            return 0;
        });
        return command;
    }
}
