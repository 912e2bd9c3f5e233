using System.Net;
using System.Text.Json;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Microsoft.SemanticKernel.Connectors.OpenAI;
using OpenAI;
using OpenAI.Chat;
using ChatMessageContent = Microsoft.SemanticKernel.ChatMessageContent;

namespace Btx.Server.Tests.Clients;

/// <summary>Semantic Kernel's connector.</summary>
internal sealed class SemanticKernel : DotNetClient
{
    private readonly ClientsFixture _server;

    public SemanticKernel(ClientsFixture server)
    {
        _server = server;
        Absent["models"] = "the connector lists no models";
        Absent["completion"] = "the connector has no completions";
        Absent["n"] = "the connector asks for one answer";
        Does["chat"] = async () => Assert.Equal(server.Expected.Chat, (await AskAsync(Greedy())).Content);
        Does["stream"] = async () =>
        {
            var streamed = "";
            await foreach (var part in Open().GetStreamingChatMessageContentsAsync(Asked(), Greedy(), null, Cancellation))
                streamed += part.Content;
            Assert.Equal(server.Expected.Chat, streamed);
        };
        Does["tools"] = ToolsAsync;
        Does["json_schema"] = async () => IsNumber((await AskAsync(new()
        {
            ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("number", BinaryData.FromString(Number), jsonSchemaIsStrict: true),
        })).Content!);
        Does["logprobs"] = async () =>
        {
            var settings = Greedy();
            (settings.Logprobs, settings.TopLogprobs) = (true, 2);
            var answer = await AskAsync(settings);
            var tokens = (IReadOnlyList<ChatTokenLogProbabilityDetails>)answer.Metadata!["ContentTokenLogProbabilities"]!;
            Assert.Equal(((ChatTokenUsage)answer.Metadata["Usage"]!).OutputTokenCount, tokens.Count);
        };
        Does["abort"] = () => BreakOffAsync(token =>
            Open().GetStreamingChatMessageContentsAsync(Asked(), new OpenAIPromptExecutionSettings { MaxTokens = Long }, null, token));
        Does["errors"] = async () =>
        {
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("expert:nobody", server.Key, new()));
            Assert.Equal(HttpStatusCode.BadRequest, await StatusAsync("forest", server.Key, new() { Temperature = -1 }));
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("forest", "sk-nonsense", new()));
            Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync("forest", server.SpentKey, new()));
        };
    }

    private static ChatHistory Asked() => [new(AuthorRole.User, User)];

    private static OpenAIPromptExecutionSettings Greedy() => new() { MaxTokens = Tokens, Temperature = 0 };

    private OpenAIChatCompletionService Open(string model = "forest", string? key = null) =>
        new(model, new OpenAIClient(new System.ClientModel.ApiKeyCredential(key ?? _server.Key), OpenAiDotNet.Options(_server)));

    private Task<ChatMessageContent> AskAsync(OpenAIPromptExecutionSettings settings, Kernel? kernel = null) =>
        Open().GetChatMessageContentAsync(Asked(), settings, kernel, Cancellation);

    private async Task<HttpStatusCode?> StatusAsync(string model, string key, OpenAIPromptExecutionSettings settings) =>
        (await Assert.ThrowsAsync<HttpOperationException>(() =>
            Open(model, key).GetChatMessageContentAsync(Asked(), settings, null, Cancellation))).StatusCode;

    private async Task ToolsAsync()
    {
        var water = KernelFunctionFactory.CreateFromMethod((bool dry) => dry, "water");
        var kernel = new Kernel();
        kernel.Plugins.AddFromFunctions("sea", [water]);
        var history = Asked();
        var forced = new OpenAIPromptExecutionSettings
        {
            FunctionChoiceBehavior = FunctionChoiceBehavior.Required(kernel.Plugins.SelectMany(plugin => plugin), autoInvoke: false),
            Temperature = 0,
        };
        var answer = await AskAsync(forced, kernel);
        var call = Assert.Single(FunctionCallContent.GetFunctionCalls(answer));
        Assert.Equal(("water", "dry"), (call.FunctionName, Assert.Single(call.Arguments!.Names)));
        history.Add(answer);
        history.Add((await call.InvokeAsync(kernel, Cancellation)).ToChatMessage());
        Assert.NotNull(await Open().GetChatMessageContentAsync(history, Greedy(), kernel, Cancellation));
        var streamed = new FunctionCallContentBuilder();
        await foreach (var part in Open().GetStreamingChatMessageContentsAsync(Asked(), forced, kernel, Cancellation))
            streamed.Append(part);
        Assert.Equal(JsonSerializer.Serialize(call.Arguments), JsonSerializer.Serialize(Assert.Single(streamed.Build()).Arguments));
    }
}
