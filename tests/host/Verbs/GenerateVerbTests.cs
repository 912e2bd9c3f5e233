using System.CommandLine;
using Btx.Client;
using Btx.Model;
using Btx.Server.Rpc;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs;
using Btx.V1;

namespace Btx.Server.Tests.Verbs;

/// <summary><c>btx generate</c> against a server.</summary>
public sealed class GenerateVerbTests
{
    [Fact]
    public async Task Text_is_streamed_plain()
    {
        var (output, diagnostics) = await Run(new() { Prompt = new() { Text = "the" }, MaxTokens = 60 }, colour: true);
        Assert.Equal(FakeEngine.Completion + Environment.NewLine, output);
        Assert.Contains("tokens", diagnostics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_are_coloured_by_the_expert_that_contributed_most()
    {
        var (output, _) = await Run(new() { Prompt = new() { Text = "the" }, MaxTokens = 2, IncludeExperts = true }, colour: true);
        var tokens = RunningServer.SomeTokenizer.Encode(FakeEngine.Completion);
        var (first, second) = (RunningServer.SomeTokenizer.Decode([tokens[0]]), RunningServer.SomeTokenizer.Decode([tokens[1]]));
        Assert.Contains($"\u001b[38;5;33m{first}\u001b[0m\u001b[38;5;208m{second}\u001b[0m", output, StringComparison.Ordinal);
        Assert.StartsWith("experts: \u001b[38;5;33mnovels\u001b[0m", output, StringComparison.Ordinal);
        Assert.Contains("50", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_colour_the_output_has_no_escape_codes_and_still_says_who_contributed()
    {
        var (output, _) = await Run(new() { Prompt = new() { Text = "the" }, MaxTokens = 1, IncludeExperts = true }, colour: false);
        Assert.DoesNotContain('\u001b', output);
        Assert.Contains("contributions: novels 90", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_mode_moe_tokens_are_coloured_by_the_domain_they_were_routed_to()
    {
        var request = new GenerateRequest
        {
            Prompt = new() { Text = "the" },
            Routing = new() { Mode = Mode.Moe },
            MaxTokens = 2,
            IncludeExperts = true
        };
        var (output, _) = await Run(request, colour: true);
        var tokens = RunningServer.SomeTokenizer.Encode(FakeEngine.Completion);
        var (first, second) = (RunningServer.SomeTokenizer.Decode([tokens[0]]), RunningServer.SomeTokenizer.Decode([tokens[1]]));
        Assert.StartsWith("domains: \u001b[38;5;33mprose\u001b[0m  \u001b[38;5;208mcode\u001b[0m", output, StringComparison.Ordinal);
        Assert.Contains($"\u001b[38;5;33m{first}\u001b[0m\u001b[38;5;208m{second}\u001b[0m", output, StringComparison.Ordinal);
        (output, _) = await Run(request, colour: false);
        Assert.Contains("routed to: prose 50", output, StringComparison.Ordinal);
        Assert.Contains("code 50", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refusal_is_one_clear_line()
    {
        var failure = await Assert.ThrowsAsync<BtxCallException>(() =>
            Run(new() { Prompt = new() { Text = "the" }, Routing = new() { Mode = Mode.TopK, K = 9 } }, colour: false));
        Assert.Equal("k is 9; expected 1..3, the number of experts", failure.Message);
    }

    [Fact]
    public async Task A_prompt_that_is_not_utf8_is_refused()
    {
        // What the runtime makes of the argument $'abc\xff'.
        var invocation = new InvocationConfiguration { EnableDefaultExceptionHandler = false };
        var failure = await Assert.ThrowsAsync<BtxException>(() =>
            GenerateVerb.Create().Parse(["abc\uFFFD"]).InvokeAsync(invocation, TestContext.Current.CancellationToken));
        Assert.Equal("the prompt is not valid UTF-8; give it in UTF-8", failure.Message);
    }

    [Fact]
    public async Task No_server_names_both_remedies()
    {
        using var remote = new BtxClient(new BtxClientOptions { Address = "http://127.0.0.1:1", Remedy = InferenceTarget.Remedy });
        var failure = await Assert.ThrowsAsync<BtxCallException>(() => remote.DescribeAsync(TestContext.Current.CancellationToken));
        Assert.Contains("http://127.0.0.1:1", failure.Message, StringComparison.Ordinal);
        Assert.Contains("btx serve", failure.Message, StringComparison.Ordinal);
        Assert.Contains("--forest", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_bad_address_is_named() =>
        Assert.Contains("nonsense", Assert.Throws<BtxCallException>(() => new BtxClient("nonsense")).Message,
            StringComparison.Ordinal);

    private static async Task<(string Output, string Diagnostics)> Run(GenerateRequest request, bool colour)
    {
        await using var server = await RunningServer.StartAsync();
        using var remote = new BtxClient(server.GrpcAddress);
        using var output = new StringWriter();
        using var diagnostics = new StringWriter();
        Assert.Equal(0, await GenerateVerb.RunAsync(remote, request, colour, output, diagnostics, TestContext.Current.CancellationToken));
        return (output.ToString(), diagnostics.ToString());
    }
}
