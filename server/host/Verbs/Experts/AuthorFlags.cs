using System.CommandLine;
using Btx.Model;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>Who makes a change, and why.</summary>
/// <param name="ask">Asks the person at the terminal; null where there is none.</param>
internal sealed class AuthorFlags(Func<string, string?> ask)
{
    private readonly Option<string?> _reason =
        new("--reason") { Description = "why: goes into the journal and the certificate; asked for if it is not given", HelpName = "TEXT" };
    private readonly Option<string> _author = new("--author")
    {
        Description = "who makes the change",
        HelpName = "NAME",
        DefaultValueFactory = _ => $"{Environment.UserName}@{Environment.MachineName}"
    };

    public void AddTo(Command command)
    {
        command.Options.Add(_reason);
        command.Options.Add(_author);
    }

    /// <exception cref="BtxException">No reason is given, and nobody can be asked.</exception>
    public ChangeAuthor Read(ParseResult parsed)
    {
        var reason = parsed.GetValue(_reason) ?? ask("reason for the change: ");
        if (string.IsNullOrWhiteSpace(reason))
            throw new BtxException(
                "--reason is missing; say why the change is made, for example --reason \"the licence of its text ended\"");
        return new() { Author = parsed.GetValue(_author), Reason = reason };
    }
}
