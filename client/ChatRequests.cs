using System.Text.Json;
using Microsoft.Extensions.AI;

namespace Btx.Client;

/// <summary>Chats of Microsoft.Extensions.AI as the wire's messages. What the wire has no field for is refused, never left out.</summary>
internal static class ChatRequests
{
    public static ChatRequest Of(IEnumerable<ChatMessage> messages, ChatOptions options)
    {
        if (options.ModelId is not (null or "forest"))
            throw Unknown("model", $"ModelId is \"{options.ModelId}\"; routing is chosen by WithRouting, and ModelId is forest or null");
        var request = new ChatRequest
        {
            Routing = Property<Routing>(options, ChatRouting.RoutingProperty)?.Clone(),
            Sampling = SamplingOf(options),
            ResponseFormat = Format(options.ResponseFormat),
            ToolChoice = Choice(options.ToolMode),
            Stop = { options.StopSequences ?? [] },
            IncludeExperts = true,
        };
        if (options.MaxOutputTokens is { } most) request.MaxTokens = most;
        if (options.AllowMultipleToolCalls is { } many) request.ParallelToolCalls = many;
        request.Tools.AddRange((options.Tools ?? []).Select(Of));
        if (options.Instructions is { Length: > 0 } instructions)
            request.Messages.Add(new Message { Role = Role.System, Content = instructions });
        request.Messages.AddRange(messages.SelectMany(Of));
        return request;
    }

    private static T? Property<T>(ChatOptions options, string name) where T : class =>
        options.AdditionalProperties?.GetValueOrDefault(name) as T;

    private static Sampling SamplingOf(ChatOptions options)
    {
        var sampling = Property<Sampling>(options, ChatRouting.SamplingProperty)?.Clone() ?? new();
        if (options.Temperature is { } temperature) sampling.Temperature = temperature;
        if (options.TopP is { } p) sampling.TopP = p;
        if (options.TopK is { } k) sampling.TopK = k;
        if (options.Seed is { } seed) sampling.Seed = seed;
        if (options.PresencePenalty is { } presence) sampling.PresencePenalty = presence;
        if (options.FrequencyPenalty is { } frequency) sampling.FrequencyPenalty = frequency;
        return sampling;
    }

    private static ResponseFormat? Format(ChatResponseFormat? format) => format switch
    {
        ChatResponseFormatJson { Schema: { } schema } => new() { JsonSchema = schema.GetRawText() },
        ChatResponseFormatJson => new() { JsonObject = true },
        _ => null,
    };

    private static ToolChoice? Choice(ChatToolMode? mode) => mode switch
    {
        RequiredChatToolMode { RequiredFunctionName: { } name } => new() { Function = name },
        RequiredChatToolMode => new() { Mode = ToolMode.Required },
        NoneChatToolMode => new() { Mode = ToolMode.None },
        _ => null,
    };

    private static Tool Of(AITool tool) => tool is AIFunctionDeclaration function
        ? new()
        {
            Function = new()
            {
                Name = function.Name,
                Description = function.Description,
                Parameters = function.JsonSchema.GetRawText(),
            }
        }
        : throw Unknown("tools", $"the tool {tool.Name} is a {tool.GetType().Name}; functions are taken");

    /// <summary>A message; each result of a function is one of its own.</summary>
    private static IEnumerable<Message> Of(ChatMessage message)
    {
        var said = new Message { Role = RoleOf(message.Role) };
        if (message.AuthorName is { } name) said.Name = name;
        foreach (var content in message.Contents)
        {
            switch (content)
            {
                case TextContent text:
                    said.Content += text.Text;
                    break;
                case FunctionCallContent call:
                    var arguments = JsonSerializer.Serialize(call.Arguments ?? new Dictionary<string, object?>(),
                        AIJsonUtilities.DefaultOptions);
                    said.ToolCalls.Add(new ToolCall { Id = call.CallId, Function = new() { Name = call.Name, Arguments = arguments } });
                    break;
                case FunctionResultContent or TextReasoningContent or UsageContent:
                    break;
                default:
                    throw Unknown("messages", $"a message has {content.GetType().Name}; the models read text");
            }
        }

        var results = message.Contents.OfType<FunctionResultContent>().ToList();
        if (results.Count == 0 || said.HasContent || said.ToolCalls.Count > 0) yield return said;
        foreach (var result in results)
            yield return new() { Role = Role.Tool, ToolCallId = result.CallId, Content = Text(result) };
    }

    private static string Text(FunctionResultContent result) => result.Exception is { } failure ? $"failed: {failure.Message}"
        : result.Result switch
        {
            null => "",
            string text => text,
            JsonElement { ValueKind: JsonValueKind.String } json => json.GetString()!,
            var value => JsonSerializer.Serialize(value, AIJsonUtilities.DefaultOptions),
        };

    private static Role RoleOf(ChatRole role) => role == ChatRole.System ? Role.System
        : role == ChatRole.Assistant ? Role.Assistant
        : role == ChatRole.Tool ? Role.Tool
        : role == ChatRole.User ? Role.User
        : role.Value == "developer" ? Role.Developer : throw Unknown("messages", $"a message has the role \"{role.Value}\"");

    private static BtxCallException Unknown(string field, string message) => new(CallFailure.NotMade, $"{field}: {message}");
}
