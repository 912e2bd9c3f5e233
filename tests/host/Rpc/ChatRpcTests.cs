using Btx.Client;
using Btx.Engine.Requests;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

/// <summary>Chats and tokens over gRPC: the same rules and the same prompts as over HTTP.</summary>
public sealed class ChatRpcTests : IAsyncLifetime
{
    private RunningServer _server = null!;
    private BtxClient _client = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server = await RunningServer.StartAsync();
        _client = new(_server.GrpcAddress);
    }

    public async ValueTask DisposeAsync()
    {
        _client.Dispose();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task A_chat_streams_text_with_each_tokens_data_and_ends_with_the_usage()
    {
        var request = Hello();
        (request.TopLogprobs, request.IncludeExperts, request.Routing) = (2, true, new() { Mode = Mode.TopK, K = 2 });
        var parts = await _client.ChatAsync(request, Stop).ToListAsync(Stop);
        Assert.Equal(FakeEngine.Completion, string.Concat(parts.Select(part => part.Text)));
        var tokens = parts.Select(part => part.Token).OfType<Token>().ToArray();
        Assert.Equal(_server.Tokenizer.Encode(FakeEngine.Completion), tokens.Select(token => token.Id));
        Assert.Equal([-0.5, -1], tokens.Take(2).Select(token => token.Logprob));
        Assert.All(tokens, token => Assert.Equal((2, 1.0), (token.Top.Count, token.Experts.Sum(expert => expert.Contribution))));
        Assert.Equal(("novels", 0.75, 0.9), (tokens[0].Experts[0].Name, tokens[0].Experts[0].Posterior, tokens[0].Experts[0].Contribution));
        var end = parts[^1];
        Assert.Equal((V1.FinishReason.Stop, tokens.Length), (end.FinishReason, end.Usage.CompletionTokens));
        var asked = _server.Engine.LastGeneration!;
        Assert.Equal("System: be brief\n\nUser: hi\n\nAssistant:", _server.Tokenizer.Decode(asked.Prompt));
        Assert.Contains("\nUser:", asked.Stop); // in plain text a model would go on as the user
        Assert.Equal(64, asked.MaxTokens);
    }

    [Fact]
    public async Task A_call_comes_as_its_parts_and_no_text()
    {
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 512 };
        _server.Engine.Says = """{"name": "weather", "arguments": {"unit": "c"}}""";
        var request = Hello();
        request.Tools.Add(new Tool { Function = new() { Name = "weather", Parameters = """{"type": "object"}""" } });
        var parts = await _client.ChatAsync(request, Stop).ToListAsync(Stop);
        Assert.Equal("", string.Concat(parts.Select(part => part.Text)));
        Assert.Equal(V1.FinishReason.ToolCalls, parts[^1].FinishReason);
        var calls = parts.SelectMany(part => part.ToolCalls).ToArray();
        Assert.StartsWith("call_", calls[0].Id, StringComparison.Ordinal);
        Assert.Equal(("weather", """{"unit": "c"}"""), (calls[0].Name, string.Concat(calls.Select(call => call.Arguments))));

        request.Messages.Add(new Message
        {
            Role = Role.Assistant,
            ToolCalls = { new ToolCall { Id = calls[0].Id, Function = new() { Name = "weather", Arguments = calls[1].Arguments } } },
        });
        request.Messages.Add(new Message { Role = Role.Tool, ToolCallId = calls[0].Id, Content = "20" });
        request.ToolChoice = new() { Mode = ToolMode.None };
        Assert.NotEqual("", string.Concat((await _client.ChatAsync(request, Stop).ToListAsync(Stop)).Select(part => part.Text)));
        Assert.Contains("Tool: 20", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt), StringComparison.Ordinal);

        request.ToolChoice = new() { Function = "weather" };
        await _client.ChatAsync(request, Stop).ToListAsync(Stop);
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar); // held to a call
    }

    public static TheoryData<string, string, Action<ChatRequest>> Refused => new()
    {
        { "messages", "messages is empty", r => r.Messages.Clear() },
        { "messages[0].role", "is missing; use system", r => r.Messages[0].Role = Role.Unspecified },
        { "messages[1].role", "\"77\"; use system", r => r.Messages[1].Role = (Role)77 },
        { "messages[1].content", "is missing", r => r.Messages[1].ClearContent() },
        { "messages[1].tool_call_id", "is missing", r => r.Messages[1].Role = Role.Tool },
        { "messages[1].tool_calls", "is for role assistant", r => r.Messages[1].ToolCalls.Add(new ToolCall()) },
        { "tools[0]", "is not of type function", r => r.Tools.Add(new Tool()) },
        { "tools[0].function.name", "expected 1 to", r => r.Tools.Add(new Tool { Function = new() { Name = "a b" } }) },
        { "tools[0].function.parameters", "is not JSON",
            r => r.Tools.Add(new Tool { Function = new() { Name = "a", Parameters = "{" } }) },
        { "tool_choice", "names \"b\"", r =>
            {
                r.Tools.Add(new Tool { Function = new() { Name = "a" } });
                r.ToolChoice = new() { Function = "b" };
            } },
        { "tool_choice", "without tools", r => r.ToolChoice = new() { Mode = ToolMode.Required } },
        { "tool_choice", "unknown tool_choice 9", r => r.ToolChoice = new() { Mode = (ToolMode)9 } },
        { "top_logprobs", "expected 0..20", r => r.TopLogprobs = 1000 },
        { "routing.switching_rate", "switching rate is 2",
            r => r.Routing = new() { Posterior = PosteriorKind.Switching, SwitchingRate = 2 } },
        { "routing.p", "p is 2", r => r.Routing = new() { Mode = Mode.TopP, P = 2 } },
        { "routing.k", "number of the mixture's", r => r.Routing = new() { Mode = Mode.Moe, K = 9 } },
        { "routing.k", "k is 9; expected 1..3", r => r.Routing = new() { Mode = Mode.TopK, K = 9 } },
        { "sampling.temperature", "temperature is NaN", r => r.Sampling = new() { Temperature = double.NaN } },
        { "max_tokens", "max_tokens is 0", r => r.MaxTokens = 0 },
        { "messages", "the context holds 64", r => r.Messages[1].Content = new string('x', 200) },
        { "messages", "at most 1000", r => r.Messages[1].Content = new string('x', 1001) },
        { "response_format", "the schema is not JSON", r => r.ResponseFormat = new() { JsonSchema = "{" } },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public async Task What_is_wrong_is_refused_by_its_field(string field, string message, Action<ChatRequest> change)
    {
        var request = Hello();
        change(request);
        var refusal = await Assert.ThrowsAsync<BtxCallException>(async () => await _client.ChatAsync(request, Stop).ToListAsync(Stop));
        Assert.Equal((CallFailure.Refused, StatusCode.InvalidArgument, field), (refusal.Failure, refusal.Status, refusal.Field));
        Assert.Contains(message, refusal.Message, StringComparison.Ordinal);
        Assert.Equal(refusal.Message, refusal.Violations[0].Description);
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Fact]
    public async Task Text_and_chats_become_tokens_and_tokens_text()
    {
        var text = await _client.TokenizeAsync(new() { Text = "the fox", IncludeTexts = true, AddSpecialTokens = false }, Stop);
        Assert.Equal(_server.Tokenizer.Encode("the fox"), text.Tokens);
        Assert.Equal([_server.Tokenizer.BosId!.Value, .. text.Tokens],
            (await _client.TokenizeAsync(new() { Text = "the fox" }, Stop)).Tokens);
        Assert.Equal(("the fox", 64), (string.Concat(text.Texts), text.ContextLength));
        Assert.Equal("the fox", (await _client.DetokenizeAsync(new() { Tokens = { text.Tokens } }, Stop)).Text);

        var chat = new TokenizeChat { Messages = { Hello().Messages } };
        var tokens = (await _client.TokenizeAsync(new() { Chat = chat }, Stop)).Tokens;
        await _client.ChatAsync(Hello(), Stop).ToListAsync(Stop);
        Assert.Equal(_server.Engine.LastGeneration!.Prompt, tokens);
        chat.AddGenerationPrompt = false;
        Assert.True((await _client.TokenizeAsync(new() { Chat = chat }, Stop)).Tokens.Count < tokens.Count);

        var neither = await Assert.ThrowsAsync<BtxCallException>(() => _client.TokenizeAsync(new(), Stop));
        Assert.Equal("give either text or chat", neither.Message);
        var unknown = await Assert.ThrowsAsync<BtxCallException>(() => _client.DetokenizeAsync(new() { Tokens = { -1 } }, Stop));
        Assert.Equal((StatusCode.InvalidArgument, "tokens"), (unknown.Status, unknown.Field));
    }

    [Fact]
    public async Task A_chat_that_its_client_leaves_ends_in_the_engine()
    {
        _server.Engine.Hold = new TaskCompletionSource().Task;
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(Stop);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var _ in _client.ChatAsync(Hello(), leaving.Token)) await leaving.CancelAsync();
        });
        await _server.Engine.Cancelled.WaitAsync(Stop);
    }

    private static ChatRequest Hello() => new()
    {
        Messages = { new Message { Role = Role.System, Content = "be brief" }, new Message { Role = Role.User, Content = "hi" } },
    };
}
