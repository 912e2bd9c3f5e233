using System.CommandLine;
using Btx.Cli;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts list</c>.</summary>
internal static class ListVerb
{
    private const string Text =
        """
        List the experts that are served. With --forest, as the directory has them: what a server that is started now would serve.

        Examples:
          btx experts list
          btx experts list --server 127.0.0.1:9001 --json -
          btx experts list --forest served
        """;

    public static Command Create()
    {
        var forest = new ForestFlags(withDisk: true);
        var json = new JsonFlag();
        var command = new Command("list", Text) { forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var disk = forest.Disk(parsed);
            using var remote = disk is null ? forest.Open(parsed) : null;
            var list = disk?.List() ?? await remote!.ListExpertsAsync(cancellation).ConfigureAwait(false);
            json.Write(parsed, list, ForestReport.Of(list));
            return 0;
        });
        return command;
    }
}
