using System.CommandLine;
using Btx.Model.Files;
using Btx.Server.Rpc;
using Google.Protobuf;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>--json FILE</c>: the report as JSON; <c>-</c> writes it to standard output in the place of the text.</summary>
internal sealed class JsonFlag
{
    private readonly Option<string?> _json =
        new("--json") { Description = "write it as JSON to this file; -: to standard output, instead of the text", HelpName = "FILE" };

    public void AddTo(Command command) => command.Options.Add(_json);

    /// <summary>Writes a report: as text, and as JSON if asked to.</summary>
    public void Write(ParseResult parsed, IMessage message, IEnumerable<string> lines) => Write(parsed, MessageJson.Text(message), lines);

    /// <inheritdoc cref="Write(ParseResult, IMessage, IEnumerable{string})"/>
    public void Write(ParseResult parsed, string json, IEnumerable<string> lines)
    {
        var output = parsed.InvocationConfiguration.Output;
        var path = parsed.GetValue(_json);
        if (path == "-")
        {
            output.Write(json);
            return;
        }

        foreach (var line in lines) output.WriteLine(line);
        if (path is not null) AtomicFile.WriteText(path, json);
    }
}
