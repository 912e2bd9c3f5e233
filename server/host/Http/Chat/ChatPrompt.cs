using System.Text.Encodings.Web;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Btx.Model.Tokens;

namespace Btx.Server.Http.Chat;

/// <summary>Makes a chat one prompt, by the model's own template or, where it has none, in plain text. Thread-safe.</summary>
/// <remarks>A special token that a client spells out stays text: it is broken with <see cref="Divider"/> before the template sees it, the
/// rendered text is cut at the special tokens that are left, which are the template's own, and the dividers are dropped.</remarks>
internal sealed partial class ChatPrompt(TextTokenizer tokenizer, ChatRenderer renderer, RequestLimits limits)
{
    /// <summary>A character for private use, which clients may not send.</summary>
    public const char Divider = '\uF8F0';

    private static readonly JsonSerializerOptions s_plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, MaxDepth = 128 };
    private readonly bool _templateHasTools = tokenizer.ChatTemplate is { } text && ToolsWord().IsMatch(text);

    /// <summary>What ends an answer besides the end of the text: in plain text a model would go on as the user.</summary>
    public IReadOnlyList<string> Stops { get; } = tokenizer.ChatTemplate is null ? ["\nUser:", "\nSystem:"] : [];

    /// <param name="answer">The prompt ends where the assistant's answer begins.</param>
    /// <exception cref="RequestRejectedException">The messages are too long, or the template does not take them.</exception>
    public async Task<Prompt> OfAsync(IReadOnlyList<ChatMessage> messages, ChatTools tools, bool answer, CancellationToken cancellation)
    {
        var length = messages.Sum(m => (long)m.Content.Length + m.Calls.Sum(call => call.Arguments.Length));
        if (length > limits.PromptCharacters) throw TooLong(length);
        if (tools.Functions.Count > 0 && !_templateHasTools) messages = Described(messages, tools.Description);
        if (tokenizer.ChatTemplate is not { } template) return new Prompt(Plain(messages, answer));
        var json = new JsonArray([.. messages.Select(message => Json(message, template))]).ToJsonString(s_plain);
        var given = tools.Functions.Count > 0 && _templateHasTools ? Parted(tools.ForTemplate())!.ToJsonString(s_plain) : "";
        if (given.Length > limits.PromptCharacters)
            throw RequestRejectedException.For("tools",
                $"tools has {given.Length} characters; at most {limits.PromptCharacters} are taken");
        var text = await renderer.RenderAsync(json, given, answer, cancellation);
        return text.Length > limits.PromptCharacters ? throw TooLong(text.Length)
            : new Prompt(null, tokenizer.EncodeParted(text, Divider));
    }

    private RequestRejectedException TooLong(long length) => RequestRejectedException.For("messages",
        $"the messages have {length} characters; at most {limits.PromptCharacters} are taken");

    /// <summary>With the tools in the system message, for a template that does not know of tools.</summary>
    private static ChatMessage[] Described(IReadOnlyList<ChatMessage> messages, string tools) =>
        messages[0].Role is "system" or "developer"
            ? [messages[0] with { Content = $"{messages[0].Content}\n\n{tools}" }, .. messages.Skip(1)]
            : [new("system", tools, null, [], null), .. messages];

    private static string Plain(IReadOnlyList<ChatMessage> messages, bool answer)
    {
        var lines = messages.Select(message => (message.Role switch
        {
            "user" => "User: ",
            "assistant" => "Assistant: ",
            "tool" => "Tool: ",
            _ => "System: ",
        }) + WithCalls(message));
        return string.Join("\n\n", answer ? lines.Append("Assistant:") : lines);
    }

    /// <summary>The content, and the calls as a model writes them that was told so in text.</summary>
    private static string WithCalls(ChatMessage message) =>
        string.Join('\n', message.Calls.Select(call => $"{{\"name\": \"{call.Name}\", \"arguments\": {call.Arguments}}}")
            .Prepend(message.Content).Where(part => part.Length > 0));

    private JsonObject Json(ChatMessage message, string template)
    {
        var knowsCalls = template.Contains("tool_calls", StringComparison.Ordinal);
        var role = message.Role == "developer" && !template.Contains("developer", StringComparison.Ordinal) ? "system" : message.Role;
        var json = new JsonObject { ["role"] = role, ["content"] = Part(knowsCalls ? message.Content : WithCalls(message)) };
        if (message.Name is { } name) json["name"] = Part(name);
        if (message.CallId is { } id) json["tool_call_id"] = Part(id);
        if (message.Calls.Count > 0 && knowsCalls) json["tool_calls"] = new JsonArray([.. message.Calls.Select(call => new JsonObject
        {
            ["id"] = Part(call.Id),
            ["type"] = "function",
            ["function"] = new JsonObject { ["name"] = Part(call.Name), ["arguments"] = Parted(JsonNode.Parse(call.Arguments)) },
        })]);
        return json;
    }

    private JsonNode? Parted(JsonNode? json) => json switch
    {
        JsonObject fields => new JsonObject(fields.Select(field => KeyValuePair.Create(Part(field.Key), Parted(field.Value)))),
        JsonArray entries => new JsonArray([.. entries.Select(Parted)]),
        JsonValue value when value.GetValueKind() == JsonValueKind.String => JsonValue.Create(Part(value.GetValue<string>())),
        _ => json?.DeepClone(),
    };

    private string Part(string text)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
            throw RequestRejectedException.For("messages",
                "the messages hold the character U+0000, which would end a template's text; leave it out");
        return text.Contains(Divider, StringComparison.Ordinal)
            ? throw RequestRejectedException.For("messages",
                $"the messages hold the character U+{(int)Divider:X4}, which this server keeps for itself; leave it out")
            : tokenizer.Part(text, Divider);
    }

    [GeneratedRegex(@"\btools\b")]
    private static partial Regex ToolsWord();
}
