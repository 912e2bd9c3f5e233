using Btx.Server.Terminal;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts</c>: looks at the forest of a running server and changes it.</summary>
internal static class ExpertsVerb
{
    private const string Text =
        """
        Look at the forest of a running server and change it while it serves, at 127.0.0.1:8081 unless --server or BTX_SERVER
        says otherwise. Every change has an id, an author, a time and a reason; a removal leaves a signed certificate. Changes
        need the server's admin key: --admin-key-file.

        Examples:
          btx experts list
          btx experts add forest/experts/law --name law --reason "contracts are in demand"
          btx experts remove python --reason "the licence of its text ended" --certificate python.json
          btx experts verify python.json --forest served
          btx experts history
        """;

    /// <param name="ask">Asks the person at the terminal; null answers: there is none.</param>
    /// <param name="attended">Whether there is one.</param>
    public static Command Create(Func<string, string?>? ask = null, bool? attended = null)
    {
        ask ??= ConsolePrompt.Ask;
        var changing = new ChangingVerbs(ask);
        return new("experts", Text)
        {
            ReadingVerbs.List(),
            ReadingVerbs.Show(),
            changing.Add(),
            RemoveVerb.Create(ask, attended ?? ConsolePrompt.IsAttended),
            ReadingVerbs.History(),
            changing.Rollback(),
            ReadingVerbs.Certificate(),
            VerifyVerb.Create(),
            changing.Averages(),
            ReadingVerbs.Watch(),
        };
    }
}
