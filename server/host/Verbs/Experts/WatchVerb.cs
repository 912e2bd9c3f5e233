using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.Server.Rpc;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts watch</c>.</summary>
internal static class WatchVerb
{
    private const string Text =
        """
        Print every event of the server's forest as it happens, until Ctrl-C or the end of the server: the phases of changes and
        how they end.

        Examples:
          btx experts watch
          btx experts watch --json -            one JSON object a line
        """;

    public static Command Create()
    {
        var lines = new Flag<string?>("--json -", "-: one JSON object a line");
        var forest = new ForestFlags();
        var command = new Command("watch", Text) { lines, forest.All };
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(lines) is not (null or "-"))
                throw new BtxException($"--json {parsed.GetValue(lines)}: events go to standard output; use --json -");
            using var remote = forest.Open(parsed);
            var output = parsed.InvocationConfiguration.Output;
            await foreach (var e in remote.WatchAsync(cancellation).ConfigureAwait(false))
            {
                await output.WriteAsync(parsed.GetValue(lines) is null ? ForestReport.Of(e) + "\n" : MessageJson.Text(e, indented: false))
                    .ConfigureAwait(false);
                await output.FlushAsync(cancellation).ConfigureAwait(false);
            }

            await parsed.InvocationConfiguration.Error.WriteLineAsync("the server has ended").ConfigureAwait(false);
            return 0;
        });
        return command;
    }
}
