using System.CommandLine;
using Btx.Cli;
using Btx.Engine;
using Btx.Server.Requests;
using Btx.Server.Rpc;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

/// <summary>The routing flags of generate and score.</summary>
public sealed class RoutingFlagsTests
{
    [Theory]
    [InlineData("k does not apply to mode ensemble: it is for top_k and moe", "--k", "2")]
    [InlineData("select does not apply to mode expert", "--mode", "expert", "--expert", "python", "--select", "prompt")]
    [InlineData("average_domain does not apply to mode top_k", "--mode", "top_k", "--average-domain", "python")]
    [InlineData("reroute_interval is for generation", "--mode", "top_k", "--reroute-interval", "8")]
    public void A_flag_that_changes_nothing_is_refused(string message, params string[] arguments) =>
        Assert.StartsWith(message, Assert.Throws<RequestRejectedException>(() => Score(arguments)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData]
    [InlineData("--mode", "top_k", "--k", "2", "--select", "prompt", "--select-tokens", "8")]
    [InlineData("--mode", "moe", "--k", "2")]
    [InlineData("--mode", "average", "--average", "posterior", "--average-domain", "python")]
    [InlineData("--posterior", "switching", "--switching-rate", "0.1")]
    public void Flags_that_the_mode_reads_are_taken(params string[] arguments) => Assert.Null(Record.Exception(() => Score(arguments)));

    private static void Score(string[] arguments)
    {
        var flags = RoutingFlags.Create();
        var command = new Command("score");
        command.Add(flags);
        var routing = flags.Read(command.Parse(arguments), new());
        RoutingMessages.ToRouting(routing, scores: true, new FakeEngine(RunningServer.SomeTokenizer).Forest);
    }
}
