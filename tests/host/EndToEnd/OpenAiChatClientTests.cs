using System.ClientModel;
using System.Text.Json;
using Btx.Server.Tests.Http;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using ChatMessage = OpenAI.Chat.ChatMessage;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>The genuine clients for npm and .NET, each chatting with a tiny forest of random weights.</summary>
public sealed class OpenAiChatClientTests(ChatServerFixture server) : IClassFixture<ChatServerFixture>
{
    private const string Unit =
        """{"type":"object","properties":{"unit":{"enum":["c","f"]}},"required":["unit"],"additionalProperties":false}""";
    private const string Number =
        """
        {"type":"object","properties":{"n":{"type":"integer","minimum":0,"maximum":99}},"required":["n"],"additionalProperties":false}
        """;

    private readonly ChatClient _client =
        new("forest", new ApiKeyCredential("unused"), new OpenAIClientOptions { Endpoint = server.Address });

    [Fact]
    public async Task The_client_for_npm()
    {
        var seen = await OpenAiClientTests.DriveAsync("chat.mjs", server.Address.ToString());
        var texts = seen.GetProperty("whole").EnumerateArray().Select(text => text.GetString()).ToArray();
        Assert.Equal(2, texts.Length);
        Assert.Equal(texts[0], texts[1]); // greedy
        Assert.Equal(texts[0], seen.GetProperty("streamed").GetString());
        Assert.Contains(seen.GetProperty("finish").GetString(), new[] { "stop", "length" });
        Assert.All(seen.GetProperty("logprobs").EnumerateArray(), count => Assert.Equal(3, count.GetInt32()));
        Assert.True(seen.GetProperty("usage").GetBoolean());
        Assert.InRange(seen.GetProperty("streamedTokens").GetInt32(), 1, 12);
        Assert.Equal("""["tool_calls","weather",["unit"]]""", seen.GetProperty("call").GetRawText());
        Assert.Equal(seen.GetProperty("called").GetString(), seen.GetProperty("streamedCall")[1].GetString());
        Assert.Equal("string", seen.GetProperty("answered").GetString());
        Assert.InRange(seen.GetProperty("structured").GetInt32(), 0, 99);
        Assert.True(seen.GetProperty("aborted").GetBoolean());
        Assert.Equal(["NotFoundError 404 model_not_found model", "BadRequestError 400 context_length_exceeded messages",
            "BadRequestError 400 null chat_template", "BadRequestError 400 null messages[0].content[0]"],
            seen.GetProperty("errors").EnumerateArray().Select(error => error.GetString()));
    }

    [Fact]
    public async Task The_client_of_OpenAI_for_dotnet()
    {
        var cancellation = TestContext.Current.CancellationToken;
        ChatMessage[] messages = [ChatMessage.CreateSystemMessage("be brief"), ChatMessage.CreateUserMessage("hi")];
        var options = new ChatCompletionOptions
        {
            MaxOutputTokenCount = 10,
            Temperature = 0,
            IncludeLogProbabilities = true,
            TopLogProbabilityCount = 2,
        };
        var whole = (await _client.CompleteChatAsync(messages, options, cancellation)).Value;
        Assert.Equal(whole.Usage.OutputTokenCount, whole.ContentTokenLogProbabilities.Count);
        var streamed = "";
        await foreach (var update in _client.CompleteChatStreamingAsync(messages, options, cancellation))
            streamed += string.Concat(update.ContentUpdate.Select(part => part.Text));
        Assert.Equal(whole.Content.Count == 0 ? "" : whole.Content[0].Text, streamed);

        var tools = new ChatCompletionOptions
        {
            Tools = { ChatTool.CreateFunctionTool("weather", "Of today.", BinaryData.FromString(Unit)) },
            ToolChoice = ChatToolChoice.CreateRequiredChoice(),
        };
        var call = (await _client.CompleteChatAsync(messages, tools, cancellation)).Value;
        Assert.Equal(OpenAI.Chat.ChatFinishReason.ToolCalls, call.FinishReason);
        Assert.Matches("^\\{\"unit\": ?\"[cf]\"\\}$", call.ToolCalls[0].FunctionArguments.ToString());
        ChatMessage[] next = [.. messages, ChatMessage.CreateAssistantMessage(call),
            ChatMessage.CreateToolMessage(call.ToolCalls[0].Id, "20")];
        Assert.NotNull((await _client.CompleteChatAsync(next, options, cancellation)).Value.Id);

        var structured = new ChatCompletionOptions
        {
            ResponseFormat = OpenAI.Chat.ChatResponseFormat.CreateJsonSchemaFormat("number", BinaryData.FromString(Number),
                jsonSchemaIsStrict: true),
        };
        var number = (await _client.CompleteChatAsync(messages, structured, cancellation)).Value.Content[0].Text;
        Assert.InRange(JsonDocument.Parse(number).RootElement.GetProperty("n").GetInt32(), 0, 99);
        var refused = await Assert.ThrowsAsync<ClientResultException>(
            () => _client.CompleteChatAsync(messages, new ChatCompletionOptions { Temperature = -1 }, cancellation));
        Assert.Equal(400, refused.Status);
    }

    [Fact]
    public async Task The_client_of_Microsoft_Extensions_AI()
    {
        var cancellation = TestContext.Current.CancellationToken;
        var client = _client.AsIChatClient();
        var options = new ChatOptions { MaxOutputTokens = 10, Temperature = 0, StopSequences = ["never"] };
        var whole = await client.GetResponseAsync("hi", options, cancellation);
        var streamed = await client.GetStreamingResponseAsync("hi", options, cancellation).ToChatResponseAsync(cancellation);
        Assert.Equal(whole.Text, streamed.Text);
        Assert.True(whole.Usage!.TotalTokenCount > 0);
        var tools = new ChatOptions
        {
            Tools = [AIFunctionFactory.Create((bool dry) => dry, "water")],
            ToolMode = ChatToolMode.RequireSpecific("water"),
        };
        var called = await client.GetResponseAsync("hi", tools, cancellation);
        var call = Assert.Single(called.Messages.SelectMany(message => message.Contents).OfType<FunctionCallContent>());
        Assert.Equal("water", call.Name);
        Assert.Contains("dry", call.Arguments!.Keys);
    }
}
