using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Messages;

/// <summary>The body of <c>POST /v1/messages</c>, in Anthropic's form; that of <c>count_tokens</c> has fewer of its fields.</summary>
internal sealed record MessagesBody : RequestObject
{
    /// <summary>What the fields of a chat's body are called here.</summary>
    public static IReadOnlyList<(string Field, string Name)> Names { get; } =
    [
        ("stop", "stop_sequences"), ("response_format.json_schema", "output_config.format"), ("response_format", "output_config.format"),
        (".function.parameters", ".input_schema"), (".function.", "."),
    ];

    public string? Model { get; init; }

    public V1.Routing? Routing { get; init; }

    public int? MaxTokens { get; init; }

    public IReadOnlyList<TurnBody>? Messages { get; init; }

    /// <summary>A text, or a list of blocks.</summary>
    public JsonElement? System { get; init; }

    public IReadOnlyList<string>? StopSequences { get; init; }

    public bool? Stream { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public long? Seed { get; init; }

    public IReadOnlyList<InputTool>? Tools { get; init; }

    public InputToolChoice? ToolChoice { get; init; }

    public OutputConfig? OutputConfig { get; init; }

    public bool? IncludeExperts { get; init; }

    public Thinking? Thinking { get; init; }

    /// <summary>The chat that it asks for, in a chat's words, and its messages.</summary>
    /// <exception cref="RequestRejectedException">It breaks a rule.</exception>
    public (ChatBody Body, IReadOnlyList<ChatMessage> Messages) ToChat()
    {
        var messages = ToMessages();
        var body = new ChatBody
        {
            Model = Model,
            Routing = Routing,
            MaxTokens = MaxTokens ?? throw RequestRejectedException.At("max_tokens", "is missing"),
            Temperature = Temperature,
            TopP = TopP,
            TopK = TopK,
            Seed = Seed,
            Stop = StopSequences,
            Tools = ToTools(),
            ToolChoice = ToolChoice?.Read(),
            ParallelToolCalls = ToolChoice?.DisableParallelToolUse != true,
            ResponseFormat = OutputConfig?.Read(),
            Stream = Stream,
            IncludeExperts = IncludeExperts,
        };
        return (body, messages);
    }

    /// <summary>The tokens of the prompt.</summary>
    /// <exception cref="RequestRejectedException">It breaks a rule.</exception>
    public async Task<int> CountAsync(InferenceService service, ChatPrompt template, CancellationToken cancellation)
    {
        if (Model is { } model) service.Model(model, Routing);
        var tools = ChatTools.Of(ToTools() ?? [], ToolChoice?.Read() ?? Chat.ToolChoice.Auto, many: true);
        return service.Encode(await template.OfAsync(ToMessages(), tools, answer: true, cancellation)).Length;
    }

    private List<ChatMessage> ToMessages()
    {
        RefuseOthers();
        Thinking?.RefuseOthers("thinking.");
        if (Thinking is { Type: not "disabled" })
            throw RequestRejectedException.At("thinking", "is not there to be had: the models answer at once");
        var turns = Messages ?? throw RequestRejectedException.At("messages", "is missing; give at least one");
        ChatMessage.RequireSome(turns.Count, "messages");
        var messages = new List<ChatMessage>();
        if (System is { } system) messages.Add(new("system", ChatMessage.Text(system, "system"), null, [], null));
        foreach (var (i, turn) in turns.Index())
        {
            if (turn is null) throw RequestRejectedException.At($"messages[{i}]", "is null; expected an object");
            messages.AddRange(turn.ToMessages($"messages[{i}]"));
        }

        if (messages[^1].Role == "assistant")
            throw RequestRejectedException.At("messages", "ends with the assistant: an answer cannot be begun for the model");
        ChatMessage.RequireSome(messages.Count, "messages");
        return messages;
    }

    private List<ToolBody>? ToTools() => Tools?.Select((tool, i) =>
        tool is null ? throw RequestRejectedException.At($"tools[{i}]", "is null; expected an object") : tool.Of($"tools[{i}]")).ToList();
}

/// <param name="Type">disabled is all that is taken.</param>
internal sealed record Thinking(string? Type) : RequestObject;

internal sealed record OutputConfig(OutputFormat? Format) : RequestObject
{
    public ResponseFormat? Read()
    {
        RefuseOthers("output_config.");
        Format?.RefuseOthers("output_config.format.");
        return Format is null ? null : new(Format.Type, new(null, null, null, Format.Schema));
    }
}

/// <param name="Type">json_schema.</param>
internal sealed record OutputFormat(string? Type, JsonSchema? Schema) : RequestObject;

/// <param name="Type">custom, or absent.</param>
/// <param name="CacheControl">Says nothing, wherever it is: there is no cache of prompts.</param>
internal sealed record InputTool(string? Type, string? Name, string? Description, JsonSchema? InputSchema, bool? Strict,
    JsonElement? CacheControl) : RequestObject
{
    public ToolBody Of(string at)
    {
        if (Type is not (null or "custom"))
            throw RequestRejectedException.At($"{at}.type", $"is {Quoted.Of(Type)}; the only tools here are those that a client runs");
        RefuseOthers($"{at}.");
        if (InputSchema is null) throw RequestRejectedException.At($"{at}.input_schema", "is missing");
        return new("function", new(Name, Description, InputSchema, Strict));
    }
}

/// <param name="Type">auto, any, tool or none.</param>
internal sealed record InputToolChoice(string? Type, string? Name, bool? DisableParallelToolUse) : RequestObject
{
    public ToolChoice Read()
    {
        RefuseOthers("tool_choice.");
        if (Name is not null && Type != "tool") throw RequestRejectedException.At("tool_choice.name", "is for type tool");
        return Type switch
        {
            "auto" => ToolChoice.Auto,
            "none" => ToolChoice.None,
            "any" => ToolChoice.Required,
            "tool" => new("function", Name ?? throw RequestRejectedException.At("tool_choice.name", "is missing")),
            _ => throw RequestRejectedException.At("tool_choice.type", $"is {Quoted.Of(Type)}; use auto, any, tool or none"),
        };
    }
}

/// <summary>What one side says.</summary>
/// <param name="Content">A text, or a list of <see cref="ContentBlock"/>.</param>
internal sealed record TurnBody(string? Role, JsonElement? Content) : RequestObject
{
    /// <summary>A user's results of tools are messages of their own.</summary>
    public IEnumerable<ChatMessage> ToMessages(string at)
    {
        RefuseOthers($"{at}.");
        if (Role is not ("user" or "assistant"))
            throw RequestRejectedException.At($"{at}.role", $"is {Quoted.Of(Role)}; use user or assistant (system is a field of its own)");
        var content = Content ?? throw RequestRejectedException.At($"{at}.content", "is missing");
        if (content.ValueKind == JsonValueKind.String)
            return [new(Role, Field.Read(content, $"{at}.content", Field.Text), null, [], null)];
        var blocks = BodyJson.Read(content, BodyJson.Requests.IReadOnlyListContentBlock, $"{at}.content");
        if (blocks.Count == 0) throw RequestRejectedException.At($"{at}.content", "is empty; give at least one block");
        var read = blocks.Select((block, i) => Read(block, $"{at}.content[{i}]")).ToList();
        var texts = read.Where(block => block.Result is null && block.Call is null).Select(block => block.Text);
        var calls = read.Select(block => block.Call).OfType<ToolCall>().ToList();
        var results = read.Select(block => block.Result).OfType<ChatMessage>().ToList();
        return results.Count < read.Count ? [.. results, new(Role, string.Concat(texts), null, calls, null)] : results;
    }

    private (string? Text, ToolCall? Call, ChatMessage? Result) Read(ContentBlock? block, string at)
    {
        if (block is null) throw RequestRejectedException.At(at, "is null; expected an object");
        switch (block.Type, Role)
        {
            case ("text", _):
                block.RefuseOthers($"{at}.");
                return (block.Text ?? throw RequestRejectedException.At($"{at}.text", "is missing"), null, null);
            case ("tool_use", "assistant"):
                block.RefuseOthers($"{at}.");
                if (block is not { Id: { } id, Name: { } name, Input: { } input })
                    throw RequestRejectedException.At(at, "is a call without id, name or input");
                return (null, new(id, name, input.Value.GetRawText()), null);
            case ("tool_result", "user"):
                block.RefuseOthers($"{at}.");
                var call = block.ToolUseId ?? throw RequestRejectedException.At($"{at}.tool_use_id", "is missing: name the call");
                var text = block.Content is { } content ? ChatMessage.Text(content, $"{at}.content") : "";
                return (null, null, new("tool", text, null, [], call));
            default:
                throw RequestRejectedException.At(at, $"is a block of type {Quoted.Of(block.Type)}, which role {Role} cannot have here; "
                    + "text, the assistant's tool_use and the user's tool_result are taken");
        }
    }
}

/// <param name="Input">Of tool_use.</param>
/// <param name="Content">Of tool_result: a text, or a list of texts.</param>
/// <param name="IsError">Says nothing: the content says it.</param>
internal sealed record ContentBlock(string? Type, string? Text, string? Id, string? Name, JsonSchema? Input, string? ToolUseId,
    JsonElement? Content, bool? IsError, JsonElement? CacheControl, JsonElement? Citations) : RequestObject;
