using System.ClientModel;
using System.Text.Json;
using Microsoft.Extensions.AI;
using OpenAI.Chat;
using ChatMessage = Microsoft.Extensions.AI.ChatMessage;
using ChatResponseFormat = Microsoft.Extensions.AI.ChatResponseFormat;

namespace Btx.Server.Tests.Clients;

/// <summary><see cref="IChatClient"/> over OpenAI's client for .NET.</summary>
internal sealed class ExtensionsAi : DotNetClient
{
    private readonly ClientsFixture _server;
    private readonly IChatClient _client;

    public ExtensionsAi(ClientsFixture server)
    {
        (_server, _client) = (server, OpenAiDotNet.Chat(server).AsIChatClient());
        Absent["models"] = "IChatClient lists no models";
        Absent["completion"] = "IChatClient has no completions";
        Absent["n"] = "IChatClient asks for one answer";
        Does["chat"] = async () =>
        {
            var answer = await _client.GetResponseAsync(User, Greedy(), Cancellation);
            Assert.Equal(server.Expected.Chat, answer.Text);
            Assert.Equal(answer.Usage!.TotalTokenCount, answer.Usage.InputTokenCount + answer.Usage.OutputTokenCount);
        };
        Does["stream"] = async () => Assert.Equal(server.Expected.Chat,
            (await _client.GetStreamingResponseAsync(User, Greedy(), Cancellation).ToChatResponseAsync(Cancellation)).Text);
        Does["tools"] = ToolsAsync;
        Does["json_schema"] = async () =>
        {
            // Not the bounds of a number: the client puts those into the description, where nothing holds the model to them.
            const string Seven = """{"type":"object","properties":{"n":{"enum":[7,77]}},"required":["n"],"additionalProperties":false}""";
            var format = ChatResponseFormat.ForJsonSchema(JsonDocument.Parse(Seven).RootElement, "number");
            IsNumber((await _client.GetResponseAsync(User, new() { ResponseFormat = format }, Cancellation)).Text);
        };
        Does["logprobs"] = async () =>
        {
            var options = Greedy();
            options.RawRepresentationFactory = _ =>
                new ChatCompletionOptions { IncludeLogProbabilities = true, TopLogProbabilityCount = 2 };
            var answer = await _client.GetResponseAsync(User, options, Cancellation);
            Assert.Equal(answer.Usage!.OutputTokenCount, ((ChatCompletion)answer.RawRepresentation!).ContentTokenLogProbabilities.Count);
        };
        Does["abort"] = () => BreakOffAsync(token =>
            _client.GetStreamingResponseAsync(User, new() { MaxOutputTokens = Long }, token));
        Does["errors"] = async () =>
        {
            Assert.Equal(404, await StatusAsync(new() { ModelId = "expert:nobody" }, server.Key));
            Assert.Equal(400, await StatusAsync(new() { Temperature = -1 }, server.Key));
            Assert.Equal(401, await StatusAsync(new(), "sk-nonsense"));
            Assert.Equal(429, await StatusAsync(new(), server.SpentKey));
        };
    }

    private static ChatOptions Greedy() => new() { MaxOutputTokens = Tokens, Temperature = 0, StopSequences = ["never"] };

    private async Task<int> StatusAsync(ChatOptions options, string key) => (await Assert.ThrowsAsync<ClientResultException>(
        () => OpenAiDotNet.Chat(_server, key: key).AsIChatClient().GetResponseAsync(User, options, Cancellation))).Status;

    private async Task ToolsAsync()
    {
        var water = AIFunctionFactory.Create((bool dry) => dry, "water");
        var options = new ChatOptions { Tools = [water], ToolMode = ChatToolMode.RequireSpecific("water"), Temperature = 0 };
        var called = await _client.GetResponseAsync(User, options, Cancellation);
        var call = Assert.Single(called.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        Assert.Equal(("water", "dry"), (call.Name, Assert.Single(call.Arguments!.Keys)));
        var streamed = await _client.GetStreamingResponseAsync(User, options, Cancellation).ToChatResponseAsync(Cancellation);
        Assert.Single(streamed.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        ChatMessage[] next = [new(ChatRole.User, User), .. called.Messages,
            new(ChatRole.Tool, [new FunctionResultContent(call.CallId, await water.InvokeAsync(new(call.Arguments), Cancellation))])];
        Assert.Equal(ChatRole.Assistant, (await _client.GetResponseAsync(next, Greedy(), Cancellation)).Messages[^1].Role);
    }
}
