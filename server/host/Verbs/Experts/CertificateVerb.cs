using System.CommandLine;
using Btx.Cli;
using Btx.Model.Files;

namespace Btx.Server.Verbs.Experts;

/// <summary><c>btx experts certificate</c>: fetches the certificate of a removal.</summary>
internal static class CertificateVerb
{
    private const string Text =
        """
        Save the certificate of a removal, as the server has it beside the served forest.

        Examples:
          btx experts certificate c000007 --out python.json
        """;

    public static Command Create()
    {
        var change = new Argument<string>("change") { Description = "the removal's id, from history" };
        var file = new Flag<string>("--out FILE", "where to save it") { Required = true };
        var forest = new ForestFlags();
        var command = new Command("certificate", Text) { change, file, forest.All };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var remote = forest.Open(parsed);
            var answer = await remote.GetCertificateAsync(parsed.GetValue(change)!, cancellation).ConfigureAwait(false);
            var path = parsed.GetValue(file)!;
            AtomicFile.Write(path, stream => answer.Certificate.WriteTo(stream));
            await parsed.InvocationConfiguration.Output
                .WriteLineAsync($"the certificate is in {path}; check it with: btx experts verify {path}").ConfigureAwait(false);
            return 0;
        });
        return command;
    }
}
