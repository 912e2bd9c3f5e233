using System.CommandLine;
using Btx.Client;
using Btx.Model;
using Btx.Model.Mixing;
using Btx.Server.Terminal;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs;

namespace Btx.Server.Tests.Verbs;

/// <summary>What <c>btx chat</c> does with its lines.</summary>
public sealed class ConversationTests : IAsyncLifetime
{
    private readonly StringWriter _output = new(), _notes = new();
    private RunningServer _server = null!;
    private BtxClient _client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _server.Engine.Says = " yes";
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 256 };
        _client = new(_server.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Each_question_goes_with_what_was_said_until_it_is_reset()
    {
        Assert.Equal(0, await Run("/system be brief\nhi\n\nand?\n/reset\n/system\nnew\n/quit\nnever\n"));
        Assert.Equal(" yes\n yes\n yes\n", _output.ToString());
        Assert.Equal(["System: be brief\n\nUser: hi\n\nAssistant:",
            "System: be brief\n\nUser: hi\n\nAssistant:  yes\n\nUser: and?\n\nAssistant:", "User: new\n\nAssistant:"], Prompts());
        Assert.Equal("", _notes.ToString());
    }

    [Fact]
    public async Task Commands_choose_the_routing_and_what_is_shown()
    {
        Assert.Equal(0, await Run("/mode top_k\n/k 1\na\n/mode expert python\nb\n/k 3\nc\n/mode moe\nd\n/experts\n/experts on\n"
            + "/mode ensemble\ne\n/help\n"));
        (RoutingMode Mode, int K)[] chosen = [(RoutingMode.TopK, 1), (RoutingMode.Expert, 0), (RoutingMode.TopK, 3), (RoutingMode.Moe, 0),
            (RoutingMode.Ensemble, 0)];
        Assert.Equal(chosen,
            _server.Engine.Generations.Select(g => (g.Routing.Mode, g.Routing.Mode == RoutingMode.TopK ? g.Routing.K : 0)));
        Assert.Contains("german  (domain german)", _notes.ToString(), StringComparison.Ordinal);
        Assert.Contains("/system TEXT", _notes.ToString(), StringComparison.Ordinal);
        Assert.Contains("contributions: novels", _output.ToString(), StringComparison.Ordinal);
        Assert.Equal(Enumerable.Repeat(false, 4).Append(true), _server.Engine.Generations.Select(g => g.ReportExperts));
    }

    [Fact]
    public async Task What_the_next_mode_does_not_read_goes_with_the_mode()
    {
        V1.Routing routing = new() { Mode = V1.Mode.TopK, K = 1, Router = V1.ExpertRouter.Probe, ProbeTokens = 4, RerouteInterval = 8 };
        Assert.Equal(0, await Run("a\n/mode top_p\nb\n/mode ensemble\nc\n", routing: routing));
        Assert.Equal([ExpertRouter.Probe, ExpertRouter.Probe, ExpertRouter.All], _server.Engine.Generations.Select(g => g.Routing.Router));
        Assert.Equal([4, 4, new Routing().ProbeTokens], _server.Engine.Generations.Select(g => g.Routing.ProbeTokens));
    }

    [Fact]
    public async Task What_is_refused_is_told_and_the_conversation_goes_on()
    {
        Assert.Equal(1, await Run("/mode nonsense\n/mode \n/k \n/mode expert\n/k 0\n/nothing\n/mode expert nobody\na\n"
            + "/mode ensemble\nb\n"));
        var notes = _notes.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, notes.Length);
        Assert.All(notes, note => Assert.StartsWith("error: ", note, StringComparison.Ordinal));
        Assert.Contains("no expert \"nobody\"", notes[6], StringComparison.Ordinal);
        Assert.StartsWith("error: /mode: use one of ensemble", notes[1], StringComparison.Ordinal);
        Assert.StartsWith("error: /k: expected a number", notes[2], StringComparison.Ordinal);
        Assert.Equal(["User: b\n\nAssistant:"], Prompts()); // what got no answer is not in it
    }

    [Fact]
    public async Task The_beginning_is_left_out_once_the_context_cannot_hold_it_and_it_is_said()
    {
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 64 };
        var question = "the fox jumps over the lazy dog";
        Assert.Equal(0, await Run(string.Join('\n', Enumerable.Repeat(question, 6))));
        Assert.Contains("1 earlier question left out: the context holds 64 tokens", _notes.ToString(), StringComparison.Ordinal);
        Assert.Equal(6, Prompts().Length);
        Assert.All(_server.Engine.Generations, g => Assert.True(g.Prompt.Length + g.MaxTokens <= 64));
        Assert.True(Prompts()[^1].Split(question).Length < 6);
    }

    [Fact]
    public async Task An_answer_that_is_ended_leaves_the_conversation_as_far_as_it_came()
    {
        _server.Engine.Says = " yes and no";
        _server.Engine.Hold = new TaskCompletionSource().Task;
        using var input = new StringReader("a\n/help\n");
        CancellationTokenSource? answer = null;
        var running = new Conversation(_client, _output, _notes, colour: false) { MaxTokens = 8 }.RunAsync(input, prompted: false,
            c => answer = CancellationTokenSource.CreateLinkedTokenSource(c), Stop);
        await _server.Engine.Holding.WaitAsync(Stop);
        await answer!.CancelAsync(); // as Ctrl-C does
        Assert.Equal(0, await running);
        Assert.StartsWith("(stopped)\n/mode", _notes.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void An_interrupt_ends_an_answer_once_and_the_program_where_there_is_none()
    {
        using var stop = new AnswerStop();
        Assert.False(stop.EndAnswer()); // before the first question
        using (var answer = stop.Begin(Stop))
        {
            Assert.True(stop.EndAnswer());
            Assert.True(answer.IsCancellationRequested);
            Assert.False(stop.EndAnswer()); // a second time
        }

        Assert.False(stop.EndAnswer());
        using (var answer = stop.Begin(Stop)) Assert.False(answer.IsCancellationRequested);
        Assert.False(stop.EndAnswer()); // at the prompt, behind an answer that came to its end
    }

    [Theory]
    [InlineData(3, 256, "--max-tokens")]
    [InlineData(100, 64, "half the context of 64 tokens, the most that an answer may take")]
    [InlineData(100, 30, "the conversation leaves no more of the context of 30 tokens")]
    public async Task An_answer_that_was_cut_off_says_what_set_the_limit(int maxTokens, int context, string why)
    {
        _server.Engine.Says = string.Concat(Enumerable.Repeat(" yes", 100));
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = context };
        Assert.Equal(0, await Run("hi\n", maxTokens));
        Assert.Matches($"^\\(the answer was cut off after [0-9]+ tokens: {why}\\)\n$", _notes.ToString());
    }

    [Theory]
    [InlineData("0")]
    [InlineData("-5")]
    public async Task No_tokens_at_all_are_refused_before_anything_is_asked(string tokens)
    {
        var failure = await Assert.ThrowsAsync<BtxException>(() => ChatVerb.Create()
            .Parse(["--max-tokens", tokens, "--server", "127.0.0.1:1"]).InvokeAsync(new() { EnableDefaultExceptionHandler = false }, Stop));
        Assert.Equal($"max_tokens is {tokens}; expected 1 or more", failure.Message);
    }

    /// <summary>Only what the process opened itself is closed on exec (02000000).</summary>
    [Theory]
    [InlineData("pos:\t0\nflags:\t02000000\nmnt_id:\t16\n", true)]
    [InlineData("pos:\t0\nflags:\t02100002\n", true)]
    [InlineData("pos:\t0\nflags:\t0100002\n", false)]
    [InlineData("pos:\t0\nflags:\t00\n", false)]
    [InlineData("", false)]
    public void A_standard_input_that_nobody_handed_over_is_known(string described, bool own) =>
        Assert.Equal(own, StandardInput.IsOwn(described));

    private Task<int> Run(string lines, int maxTokens = 8, V1.Routing? routing = null) =>
        new Conversation(_client, _output, _notes, colour: false) { MaxTokens = maxTokens, Routing = routing ?? new() }
            .RunAsync(new StringReader(lines), prompted: false, CancellationTokenSource.CreateLinkedTokenSource, Stop);

    private string[] Prompts() => [.. _server.Engine.Generations.Select(g => _server.Tokenizer.Decode(g.Prompt))];
}
