using System.CommandLine;
using Btx.Cli;
using Btx.Model;
using Btx.V1;

namespace Btx.Server.Verbs.Experts;

/// <summary>Who makes a change, and why.</summary>
/// <param name="ask">Asks the person at the terminal; null where there is none.</param>
internal sealed class AuthorFlags(Func<string, string?> ask)
{
    private readonly Flag<string?> _reason = new("--reason TEXT",
        "why: goes into the journal and the certificate; asked for if it is not given");
    private readonly Flag<string> _author = new("--author NAME",
        "who makes the change", $"{Environment.UserName}@{Environment.MachineName}");

    public IReadOnlyList<Option> All => [_reason, _author];

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
