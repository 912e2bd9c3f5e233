using System.CommandLine;
using Btx.Cli;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts rollback</c>.</summary>
internal static class RollbackVerb
{
    private const string Text =
        """
        Undo the last committed change, if it was an addition, an average or a BTX model mixed anew. A removal is final, and a
        rollback is not undone. The rollback is a change of its own, in the history.

        Examples:
          btx experts rollback --reason "worse on the test set"
        """;

    public static Command Create(Func<string, string?> ask)
    {
        var author = new AuthorFlags(ask);
        var forest = new ForestFlags();
        var json = new JsonFlag();
        var command = new Command("rollback", Text) { author.All, forest.All, json };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = forest.Open(parsed);
            var result = await ChangeRun.FollowAsync(parsed,
                remote.RollbackAsync(new RollbackRequest { By = author.Read(parsed) }, cancellation)).ConfigureAwait(false);
            json.Write(parsed, result, ChangeReport.Of(result));
            return 0;
        });
        return command;
    }
}
