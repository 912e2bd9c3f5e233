using System.CommandLine;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

/// <summary>The routing flags of generate and score.</summary>
public sealed class RoutingFlagsTests
{
    [Theory]
    [InlineData("--k is for --mode top_k or moe; mode ensemble does not use it", "--k", "2")]
    [InlineData("--select is for --mode top_k or top_p; mode expert does not use it", "--mode", "expert", "--expert", "python", "--select", "prompt")]
    [InlineData("--average-domain is for --mode average; mode top_k does not use it", "--mode", "top_k", "--average-domain", "python")]
    public void A_flag_that_the_mode_does_not_read_is_noted(string note, params string[] arguments) => Assert.Equal([$"note: {note}"], Unused(arguments));

    [Theory]
    [InlineData]
    [InlineData("--mode", "top_k", "--k", "2", "--select", "prompt")]
    [InlineData("--mode", "moe", "--k", "2")]
    [InlineData("--mode", "average", "--average", "posterior", "--average-domain", "python")]
    public void Flags_that_the_mode_reads_are_not(params string[] arguments) => Assert.Empty(Unused(arguments));

    private static IEnumerable<string> Unused(string[] arguments)
    {
        var flags = new RoutingFlags();
        var command = new Command("score");
        flags.AddTo(command);
        return flags.Unused(command.Parse(arguments));
    }
}
