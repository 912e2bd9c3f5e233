using System.CommandLine;
using Btx.Cli;
using Btx.Client;
using Btx.Model;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs.Experts;

namespace Btx.Server.Tests.Verbs.Experts;

/// <summary><c>btx experts …</c> in this process, against a server.</summary>
internal static class ExpertsRun
{
    /// <param name="answer">What the person at the terminal types; null: there is none.</param>
    public static async Task<(int Code, string Output, string Errors)> On(RunningServer? server, string? answer, params string[] arguments)
    {
        using var output = new StringWriter();
        using var errors = new StringWriter();
        string[] address = server is null ? [] : ["--server", new Uri(server.GrpcAddress).Authority];
        var parsed = ExpertsVerb.Create(_ => answer, answer is not null).Parse([.. arguments, .. address]);
        if (parsed.Errors.Count > 0) return (2, "", string.Join('\n', parsed.Errors.Select(e => UsageError.Plain(e.Message))));
        try
        {
            var code = await parsed.InvokeAsync(new() { EnableDefaultExceptionHandler = false, Output = output, Error = errors },
                TestContext.Current.CancellationToken);
            return (code, output.ToString(), errors.ToString());
        }
        catch (Exception e) when (e is BtxException or BtxCallException)
        {
            Assert.DoesNotContain('\n', e.Message);
            return (1, output.ToString(), $"{errors}error: {e.Message}\n");
        }
    }
}
