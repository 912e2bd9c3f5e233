using System.CommandLine;
using Btx.Cli;
using Btx.Model.Files;
using Btx.Server.Rpc;
using Google.Protobuf;

namespace Btx.Server.Verbs;

/// <summary>A message of the protos as a report.</summary>
internal static class MessageReport
{
    /// <summary>Writes it as text, and as JSON if asked to.</summary>
    public static void Write(this JsonFlag json, ParseResult parsed, IMessage message, IEnumerable<string> lines) =>
        json.Write(parsed, MessageJson.Text(message), lines, AtomicFile.WriteText);
}
