using Btx.Engine.Grammars;

namespace Btx.Server.Http.Chat;

/// <summary>The body of <c>POST /v1/chat/completions</c>.</summary>
internal sealed record ChatBody : GenerationBody
{
    public IReadOnlyList<MessageBody>? Messages { get; init; }

    public int? MaxCompletionTokens { get; init; }

    public bool? Logprobs { get; init; }

    public int? TopLogprobs { get; init; }

    public IReadOnlyList<ToolBody>? Tools { get; init; }

    public ToolChoice? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    public JsonElement? ChatTemplate { get; init; }

    public JsonElement? ChatTemplateKwargs { get; init; }

    /// <summary>What the rules call some fields, and this body.</summary>
    public IEnumerable<(string Field, string Name)> OwnNames => MaxTokens is null && MaxCompletionTokens is not null
        ? [.. RoutingNames, ("max_tokens", "max_completion_tokens")] : RoutingNames;

    /// <param name="forest">What is served.</param>
    /// <param name="stops">What ends an answer besides the client's own stop strings.</param>
    /// <param name="messages">Null: the body's own.</param>
    /// <exception cref="RequestRejectedException">The body asks for something that there is not, or contradicts itself.</exception>
    public ChatRequest ToRequest(ForestDescription forest, IReadOnlyList<string> stops, IReadOnlyList<ChatMessage>? messages = null)
    {
        if (ChatTemplate is not null || ChatTemplateKwargs is not null)
            throw Invalid(ChatTemplate is null ? "chat_template_kwargs" : "chat_template",
                "a chat template cannot be sent: the model's own is used, as it is");
        if (MaxTokens is not null && MaxCompletionTokens is not null && MaxTokens != MaxCompletionTokens)
            throw Invalid("max_completion_tokens", "max_completion_tokens and max_tokens differ; give one of them");
        if (TopLogprobs is not null && Logprobs != true) throw Invalid("top_logprobs", "top_logprobs is given without logprobs: true");
        var asked = Read(forest, MaxCompletionTokens ?? forest.ContextLength, Logprobs == true ? TopLogprobs ?? 0 : null);
        asked.RequireBounded(asked.Choices, "n");
        var tools = ChatTools.Of(Tools ?? [], ToolChoice ?? ToolChoice.Auto, ParallelToolCalls ?? true);
        messages ??= ChatMessage.All(Messages ?? throw Invalid("messages", "messages is missing; give at least one"));
        return ChatRequest.Of(asked, messages, tools, stops);
    }
}

/// <param name="Tools">What the model may call; empty: nothing.</param>
internal sealed record ChatRequest(AskedGeneration Asked, IReadOnlyList<ChatMessage> Messages, ChatTools Tools)
{
    /// <param name="stops">What ends an answer besides the client's own stop strings.</param>
    /// <exception cref="RequestRejectedException">The tools contradict the form of the answer, or cannot be served.</exception>
    public static ChatRequest Of(AskedGeneration asked, IReadOnlyList<ChatMessage> messages, ChatTools tools, IReadOnlyList<string> stops)
    {
        var generation = asked.Generation;
        if (tools.IsForced && generation.Grammar is not null)
            throw RequestRejectedException.At("response_format", "does not go with a tool that is required; leave out one of the two");
        if (tools.IsForced) generation = generation with { Grammar = tools.Grammar() };
        // A grammar ends by itself.
        if (generation.Grammar is null) generation = generation with { Stop = [.. generation.Stop, .. stops], AddedStops = stops.Count };
        return new(asked with { Generation = generation }, messages, tools);
    }

    /// <summary>What an answer may call: nothing, where it is held to another form.</summary>
    public ChatTools Callable => Asked.Generation.Grammar is null || Tools.IsForced ? Tools : ChatTools.None;
}

/// <param name="Content">A text, or a list of parts of it.</param>
internal sealed record MessageBody(string? Role, JsonElement? Content, string? Name, IReadOnlyList<ToolCallBody>? ToolCalls,
    string? ToolCallId, JsonElement? Refusal, JsonElement? FunctionCall, JsonElement? Audio) : RequestObject;

/// <param name="Index">Of a call that was streamed; says nothing.</param>
internal sealed record ToolCallBody(string? Id, string? Type, FunctionCallBody? Function, int? Index) : RequestObject;

/// <param name="Arguments">A JSON object as text.</param>
internal sealed record FunctionCallBody(string? Name, string? Arguments) : RequestObject;

internal sealed record ToolBody(string? Type, FunctionBody? Function) : RequestObject;

/// <param name="Strict">Says nothing: a forced call always has arguments by its schema.</param>
internal sealed record FunctionBody(string? Name, string? Description, JsonSchema? Parameters, bool? Strict) : RequestObject;

/// <summary>A message of a chat, checked.</summary>
/// <param name="Role">system, developer, user, assistant or tool.</param>
/// <param name="Calls">That an assistant made.</param>
/// <param name="CallId">Of the call that a tool answers.</param>
internal sealed record ChatMessage(string Role, string Content, string? Name, IReadOnlyList<ToolCall> Calls, string? CallId)
{
    private const int MaxMessages = 2048;
    private static readonly string[] s_roles = ["system", "developer", "user", "assistant", "tool"];

    public static IReadOnlyList<ChatMessage> All(IReadOnlyList<MessageBody> messages)
    {
        RequireSome(messages.Count, "messages");
        return [.. messages.Select((message, i) => Of(message, $"messages[{i}]"))];
    }

    /// <exception cref="RequestRejectedException">There is none, or there are too many.</exception>
    public static void RequireSome(int count, string field)
    {
        if (count == 0) throw RequestRejectedException.At(field, "is empty; give at least one");
        if (count > MaxMessages) throw RequestRejectedException.At(field, $"has {count} messages; at most {MaxMessages} are taken");
    }

    private static ChatMessage Of(MessageBody? message, string at)
    {
        RequestRejectedException Invalid(string field, string problem) => RequestRejectedException.At($"{at}.{field}", problem);
        if (message is null) throw RequestRejectedException.At(at, "is null; expected an object");
        message.RefuseOthers($"{at}.");
        if (message.FunctionCall is not null) throw Invalid("function_call", "is not taken; use tool_calls");
        if (message.Refusal is not null) throw Invalid("refusal", "is not taken; give it as content");
        if (message.Audio is not null) throw Invalid("audio", "is not taken: the models read text");
        if (!s_roles.Contains(message.Role)) throw Invalid("role", $"is {Quoted.Of(message.Role)}; use {string.Join(", ", s_roles)}");
        if (message.Name is { Length: > RequestLimits.MaxNameLength })
            throw Invalid("name", $"has {message.Name.Length} characters; at most {RequestLimits.MaxNameLength} are taken");
        if (message.ToolCalls is { Count: > 0 } && message.Role != "assistant") throw Invalid("tool_calls", "is for role assistant only");
        if (message.Role == "tool" && message.ToolCallId is null) throw Invalid("tool_call_id", "is missing: name the call");
        var calls = (message.ToolCalls ?? []).Select((call, i) => Call(call, $"{at}.tool_calls[{i}]")).ToList();
        var content = message.Content is { } given ? Text(given, $"{at}.content")
            : calls.Count > 0 ? "" : throw Invalid("content", "is missing");
        return new(message.Role!, content, message.Name, calls, message.ToolCallId);
    }

    /// <summary>A text, or the texts of all parts one after the other.</summary>
    /// <param name="types">Of parts that are text; none: <c>text</c> alone.</param>
    public static string Text(JsonElement content, string at, params string[] types)
    {
        if (types.Length == 0) types = ["text"];
        if (content.ValueKind == JsonValueKind.String) return Field.Read(content, at, Field.Text);
        if (content.ValueKind != JsonValueKind.Array)
            throw RequestRejectedException.At(at, "is neither a string nor an array of parts");
        return string.Concat(content.EnumerateArray().Select((part, i) =>
        {
            Field.Read(part, $"{at}[{i}]", Field.Object);
            var type = part.TryGetProperty("type", out var named) && named.ValueKind == JsonValueKind.String ? named.GetString() : null;
            if (!types.Contains(type))
                throw RequestRejectedException.At($"{at}[{i}]", $"is a part of type {Quoted.Of(type)}; the models read text only");
            return part.TryGetProperty("text", out var text) ? Field.Read(text, $"{at}[{i}].text", Field.Text)
                : throw RequestRejectedException.At($"{at}[{i}]", "has no text");
        }));
    }

    private static ToolCall Call(ToolCallBody? call, string at)
    {
        call?.RefuseOthers($"{at}.");
        call?.Function?.RefuseOthers($"{at}.function.");
        if (call is not { Function: { Name: { } name, Arguments: { } arguments } } || call.Type is not (null or "function"))
            throw RequestRejectedException.At(at, "is not a call of type function with name and arguments");
        return ToolCall.IsObject(arguments) ? new(call.Id ?? "", name, arguments)
            : throw RequestRejectedException.At($"{at}.function.arguments", "is not a JSON object in a string");
    }
}

/// <summary>A client's word in a message.</summary>
internal static class Quoted
{
    public static string Of(string? text) => text is null ? "missing" : $"\"{BtxException.OneLine(text, 100)}\"";
}
