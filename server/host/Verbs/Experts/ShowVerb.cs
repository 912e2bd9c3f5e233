using System.CommandLine;
using Btx.Cli;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts show</c>.</summary>
internal static class ShowVerb
{
    private const string Text =
        """
        Show one expert: its weights, its lineage, its prior, the averages that hold it. "has in it" is the residual ancestry:
        how much of each ancestor it was branched from, over all paths; "is in" is how much of it is in others.

        Examples:
          btx experts show python
          btx experts show python --forest served --json -
        """;

    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "the expert" };
        var forest = new ForestFlags(withDisk: true);
        var json = new JsonFlag();
        var command = new Command("show", Text) { name, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            var disk = forest.Disk(parsed);
            using var remote = disk is null ? forest.Open(parsed) : null;
            var shown = disk?.Show(parsed.GetValue(name)!)
                ?? await remote!.ShowExpertAsync(parsed.GetValue(name)!, cancellation).ConfigureAwait(false);
            json.Write(parsed, shown, ForestReport.Of(shown));
            return 0;
        });
        return command;
    }
}
