using System.CommandLine;
using Btx.Cli;
using Btx.Engine;
using Btx.Model.Mixing;
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
    [InlineData("router does not apply to mode ensemble: it is for top_k and top_p", "--router", "probe")]
    [InlineData("probe_tokens applies to router probe only", "--mode", "top_k", "--probe-tokens", "8")]
    [InlineData("router probe changes nothing with posterior fixed", "--mode", "top_k", "--router", "probe", "--posterior", "fixed")]
    [InlineData("select_tokens does not go with router probe", "--mode", "top_k", "--router", "probe", "--select-tokens", "8")]
    [InlineData("select does not go with router probe", "--mode", "top_k", "--router", "probe", "--select", "per_token")]
    public void A_flag_that_changes_nothing_is_refused(string message, params string[] arguments) =>
        Assert.StartsWith(message, Assert.Throws<RequestRejectedException>(() => Score(arguments)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData]
    [InlineData("--mode", "top_k", "--k", "2", "--select", "prompt", "--select-tokens", "8")]
    [InlineData("--mode", "moe", "--k", "2")]
    [InlineData("--mode", "average", "--average", "posterior", "--average-domain", "python")]
    [InlineData("--posterior", "switching", "--switching-rate", "0.1")]
    public void Flags_that_the_mode_reads_are_taken(params string[] arguments) => Assert.Null(Record.Exception(() => Score(arguments)));

    [Fact]
    public void A_probe_of_a_score_chooses_by_what_a_probe_of_a_prompt_sees()
    {
        var routing = Score(["--mode", "top_k", "--k", "1", "--router", "probe", "--probe-tokens", "8"]);
        Assert.Equal((SelectForm.Prompt, 7), (routing.Select, routing.SelectTokens)); // the first of 8 tokens is predicted by none
    }

    private static Routing Score(string[] arguments)
    {
        var flags = RoutingFlags.Create();
        var command = new Command("score");
        command.Add(flags);
        var routing = flags.Read(command.Parse(arguments), new());
        return RoutingMessages.ToRouting(routing, scores: true, new FakeEngine(RunningServer.SomeTokenizer).Forest);
    }
}
