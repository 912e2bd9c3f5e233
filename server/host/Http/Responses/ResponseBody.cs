using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Responses;

/// <summary>The body of <c>POST /v1/responses</c>. What an answer repeats is kept as it came.</summary>
internal sealed record ResponseBody : RequestObject
{
    private const string LogProbs = "message.output_text.logprobs";
    private const string Reasoning = "reasoning.encrypted_content"; // some clients always ask for it; there is none
    private const int MaxMetadata = 16, MaxMetadataKey = 64, MaxMetadataValue = 512;

    /// <summary>What the fields of a chat's body are called here.</summary>
    public static IReadOnlyList<(string Field, string Name)> Names { get; } =
    [
        ("messages", "input"), ("max_tokens", "max_output_tokens"), ("response_format.json_schema", "text.format"),
        ("response_format", "text.format"), ("logprobs", "top_logprobs"), (".function.", "."),
    ];

    public string? Model { get; init; }

    public V1.Routing? Routing { get; init; }

    /// <summary>A text, or a list of <see cref="ResponseItem"/>.</summary>
    public JsonElement? Input { get; init; }

    public string? Instructions { get; init; }

    public int? MaxOutputTokens { get; init; }

    public double? Temperature { get; init; }

    public double? TopP { get; init; }

    public int? TopK { get; init; }

    public long? Seed { get; init; }

    /// <summary>A list of <see cref="ResponseTool"/>.</summary>
    public JsonElement? Tools { get; init; }

    public JsonElement? ToolChoice { get; init; }

    public bool? ParallelToolCalls { get; init; }

    /// <summary>A <see cref="ResponseText"/>.</summary>
    public JsonElement? Text { get; init; }

    public IReadOnlyList<string>? Include { get; init; }

    public int? TopLogprobs { get; init; }

    public bool? Stream { get; init; }

    public ResponseStreamOptions? StreamOptions { get; init; }

    public bool? IncludeExperts { get; init; }

    public JsonElement? Metadata { get; init; }

    public string? Truncation { get; init; }

    public string? User { get; init; }

    public string? PreviousResponseId { get; init; }

    public JsonElement? Conversation { get; init; }

    public bool? Background { get; init; }

    /// <summary>The chat that it asks for, in a chat's words, and its messages.</summary>
    /// <exception cref="RequestRejectedException">It breaks a rule, or needs something that is stored.</exception>
    public (ChatBody Body, IReadOnlyList<ChatMessage> Messages) ToChat()
    {
        RefuseOthers();
        StreamOptions?.RefuseOthers("stream_options.");
        if (StreamOptions is not null && Stream != true) throw Invalid("stream_options", "stream_options is given without stream: true");
        RefuseStored();
        if (Truncation is not (null or "disabled"))
            throw Invalid("truncation", $"truncation is {Quoted.Of(Truncation)}; only disabled is taken: nothing is left out of the input");
        foreach (var asked in Include ?? [])
            if (asked is not (LogProbs or Reasoning))
                throw Invalid("include", $"include has {Quoted.Of(asked)}; {LogProbs} is what there is to include");
        var hasLogProbs = Include?.Contains(LogProbs) == true;
        if (TopLogprobs is < 0 or > RequestRules.MaxTopLogProbs)
            throw Invalid("top_logprobs", $"top_logprobs is {TopLogprobs}; expected 0..{RequestRules.MaxTopLogProbs}");
        if (TopLogprobs > 0 && !hasLogProbs) throw Invalid("top_logprobs", $"top_logprobs is given without include: {LogProbs}");
        if (Metadata is { } metadata) CheckMetadata(metadata);
        var messages = ResponseItem.Messages(Instructions, Input ?? throw Invalid("input", "input is missing; give a text or a list"));
        var body = new ChatBody
        {
            Model = Model,
            Routing = Routing,
            MaxCompletionTokens = MaxOutputTokens,
            Temperature = Temperature,
            TopP = TopP,
            TopK = TopK,
            Seed = Seed,
            Logprobs = hasLogProbs,
            TopLogprobs = hasLogProbs ? TopLogprobs : null,
            Tools = Tools is { } tools ? ResponseTool.All(tools) : null,
            ToolChoice = ToolChoice is { } choice ? ResponseTool.Choice(choice) : null,
            ParallelToolCalls = ParallelToolCalls,
            ResponseFormat = Text is { } text ? ResponseText.Read(text) : null,
            Stream = Stream,
            IncludeExperts = IncludeExperts,
            User = User,
        };
        return (body, messages);
    }

    private void RefuseStored()
    {
        const string Stored = "needs responses that are stored, and this server stores none";
        if (PreviousResponseId is not null)
            throw RequestRejectedException.At("previous_response_id", $"{Stored}; send the whole conversation as input");
        if (Conversation is not null)
            throw RequestRejectedException.At("conversation", $"{Stored}; send the whole conversation as input");
        if (Background == true) throw RequestRejectedException.At("background", $"{Stored}; wait for the answer, or stream it");
    }

    private static void CheckMetadata(JsonElement metadata)
    {
        var fields = Field.Read(metadata, "metadata", Field.Object).EnumerateObject().ToList();
        var fits = fields.Count <= MaxMetadata && fields.All(field => field.Name.Length <= MaxMetadataKey
            && field.Value.ValueKind == JsonValueKind.String && field.Value.GetString()!.Length <= MaxMetadataValue);
        if (!fits)
            throw Invalid("metadata", $"metadata is more than {MaxMetadata} names of {MaxMetadataKey} characters with texts of "
                + $"{MaxMetadataValue} characters");
    }
}

/// <param name="IncludeObfuscation">Padding against who measures encrypted events; there is none, so this says nothing.</param>
internal sealed record ResponseStreamOptions(bool? IncludeObfuscation) : RequestObject;

/// <param name="Format">Its type and, flat beside it, what a <see cref="NamedSchema"/> has.</param>
internal sealed record ResponseText(ResponseTextFormat? Format) : RequestObject
{
    public static ResponseFormat? Read(JsonElement json)
    {
        var text = BodyJson.Read(Field.Read(json, "text", Field.Object), BodyJson.Requests.ResponseText, "text");
        text.RefuseOthers("text.");
        text.Format?.RefuseOthers("text.format.");
        if (text.Format is not { } format) return null;
        var isNamed = format.Schema is not null || format.Name is not null;
        return new(format.Type, isNamed ? new(format.Name, format.Description, format.Strict, format.Schema) : null);
    }
}

internal sealed record ResponseTextFormat(string? Type, string? Name, string? Description, bool? Strict, JsonSchema? Schema)
    : RequestObject;

/// <summary>A function, flat where a chat's tool has it inside.</summary>
internal sealed record ResponseTool(string? Type, string? Name, string? Description, JsonSchema? Parameters, bool? Strict) : RequestObject
{
    public static IReadOnlyList<ToolBody> All(JsonElement json)
    {
        var tools = Field.Read(json, "tools", list => Field.List(list, Field.Object));
        return [.. tools.Select((tool, i) => BodyJson.Read(tool, BodyJson.Requests.ResponseTool, $"tools[{i}]").Of($"tools[{i}]"))];
    }

    /// <summary>A word, or <c>{"type": "function", "name": …}</c>.</summary>
    public static ToolChoice Choice(JsonElement json)
    {
        if (json.ValueKind != JsonValueKind.Object) return Field.Read(json, "tool_choice", Chat.ToolChoice.Read);
        var named = BodyJson.Read(Field.Read(json, "tool_choice", Field.Object), BodyJson.Requests.ResponseTool, "tool_choice");
        return named is { Type: "function", Name: { } name, Description: null, Parameters: null, Strict: null, Others: null }
            ? new("function", name)
            : throw RequestRejectedException.At("tool_choice", "is no function by its name: {\"type\": \"function\", \"name\": …}");
    }

    private ToolBody Of(string at)
    {
        if (Type != "function")
            throw RequestRejectedException.At($"{at}.type", $"is {Quoted.Of(Type)}; functions are the only tools here: a client runs them");
        RefuseOthers($"{at}.");
        return new(Type, new(Name, Description, Parameters, Strict));
    }
}
