using System.ClientModel;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace Btx.Server.Tests.Clients;

/// <summary>OpenAI's own client for .NET.</summary>
internal sealed class OpenAiDotNet : DotNetClient
{
    private static readonly ChatMessage[] s_messages = [ChatMessage.CreateUserMessage(User)];
    private readonly ClientsFixture _server;

    public OpenAiDotNet(ClientsFixture server)
    {
        _server = server;
        Absent["completion"] = "the client has no completions";
        Absent["n"] = "the client asks for one answer";
        Does["models"] = async () =>
        {
            var client = new OpenAIModelClient(new ApiKeyCredential(server.Key), Options(server));
            Assert.Contains("expert:alpha", (await client.GetModelsAsync(Cancellation)).Value.Select(model => model.Id));
        };
        Does["chat"] = async () => Assert.Equal(server.Expected.Chat,
            (await Chat(server).CompleteChatAsync(s_messages, Greedy(), Cancellation)).Value.Content[0].Text);
        Does["stream"] = async () =>
        {
            var streamed = "";
            await foreach (var update in Chat(server).CompleteChatStreamingAsync(s_messages, Greedy(), Cancellation))
                streamed += string.Concat(update.ContentUpdate.Select(part => part.Text));
            Assert.Equal(server.Expected.Chat, streamed);
        };
        Does["tools"] = ToolsAsync;
        Does["json_schema"] = async () =>
        {
            var format = ChatResponseFormat.CreateJsonSchemaFormat("number", BinaryData.FromString(Number), jsonSchemaIsStrict: true);
            var answer = await Chat(server).CompleteChatAsync(s_messages, new() { ResponseFormat = format }, Cancellation);
            IsNumber(answer.Value.Content[0].Text);
        };
        Does["logprobs"] = async () =>
        {
            var options = Greedy();
            (options.IncludeLogProbabilities, options.TopLogProbabilityCount) = (true, 2);
            var answer = (await Chat(server).CompleteChatAsync(s_messages, options, Cancellation)).Value;
            Assert.Equal(answer.Usage.OutputTokenCount, answer.ContentTokenLogProbabilities.Count);
            Assert.All(answer.ContentTokenLogProbabilities, token => Assert.Equal(2, token.TopLogProbabilities.Count));
        };
        Does["abort"] = () => BreakOffAsync(token =>
            Chat(server).CompleteChatStreamingAsync(s_messages, new() { MaxOutputTokenCount = Long }, token));
        Does["errors"] = async () =>
        {
            Assert.Equal(404, await StatusAsync("expert:nobody", server.Key, new()));
            Assert.Equal(400, await StatusAsync("forest", server.Key, new() { Temperature = -1 }));
            Assert.Equal(401, await StatusAsync("forest", "sk-nonsense", new()));
            Assert.Equal(429, await StatusAsync("forest", server.SpentKey, new()));
        };
    }

    /// <summary>A client that does not try again.</summary>
    public static ChatClient Chat(ClientsFixture server, string model = "forest", string? key = null) =>
        new(model, new ApiKeyCredential(key ?? server.Key), Options(server));

    public static OpenAIClientOptions Options(ClientsFixture server) =>
        new() { Endpoint = server.Address, RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(0) };

    private static ChatCompletionOptions Greedy() => new() { MaxOutputTokenCount = Tokens, Temperature = 0 };

    private async Task<int> StatusAsync(string model, string key, ChatCompletionOptions options) =>
        (await Assert.ThrowsAsync<ClientResultException>(
            () => Chat(_server, model, key).CompleteChatAsync(s_messages, options, Cancellation))).Status;

    private async Task ToolsAsync()
    {
        var tool = ChatTool.CreateFunctionTool("weather", "Of today.", BinaryData.FromString(Weather));
        var weather = ChatToolChoice.CreateFunctionChoice("weather");
        var forced = new ChatCompletionOptions { Tools = { tool }, ToolChoice = weather, Temperature = 0 };
        var call = (await Chat(_server).CompleteChatAsync(s_messages, forced, Cancellation)).Value;
        Assert.Equal(ChatFinishReason.ToolCalls, call.FinishReason);
        IsWeather(call.ToolCalls[0].FunctionArguments.ToString());
        forced.ToolChoice = ChatToolChoice.CreateRequiredChoice();
        var streamed = "";
        await foreach (var update in Chat(_server).CompleteChatStreamingAsync(s_messages, forced, Cancellation))
            streamed += string.Concat(update.ToolCallUpdates.Select(part => part.FunctionArgumentsUpdate));
        Assert.Equal(call.ToolCalls[0].FunctionArguments.ToString(), streamed);
        ChatMessage[] next = [.. s_messages, ChatMessage.CreateAssistantMessage(call),
            ChatMessage.CreateToolMessage(call.ToolCalls[0].Id, "20")];
        Assert.NotNull((await Chat(_server).CompleteChatAsync(next, Greedy(), Cancellation)).Value.Id);
    }
}
