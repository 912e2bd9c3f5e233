using System.CommandLine;
using Btx.Cli;
using Btx.Model;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts history</c>.</summary>
internal static class HistoryVerb
{
    private const string Text =
        """
        List every change that was begun, oldest first: id, time, kind, what of, outcome, revisions, author, reason.

        Examples:
          btx experts history
          btx experts history --limit 10 --json history.json
          btx experts history --forest served
        """;

    public static Command Create()
    {
        var limit = new Flag<int>("--limit N", "the last so many; 0: all");
        var forest = new ForestFlags(withDisk: true);
        var json = new JsonFlag();
        var command = new Command("history", Text) { limit, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var last = parsed.GetValue(limit);
            if (last < 0) throw new BtxException($"--limit is {last}; expected 0 (all) or more");
            var disk = forest.Disk(parsed);
            using var remote = disk is null ? forest.Open(parsed) : null;
            var history = disk?.History(last) ?? await remote!.HistoryAsync(last, cancellation).ConfigureAwait(false);
            json.Write(parsed, history, ForestReport.Of(history));
            return 0;
        });
        return command;
    }
}
