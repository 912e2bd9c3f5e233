using Btx.Server.Http.Chat;

namespace Btx.Server.Rpc;

/// <summary>Chats as on the wire, translated to what HTTP's chats are, whose rules they have: the names of fields are the same.</summary>
internal static class ChatMessages
{
    /// <param name="forest">What is served.</param>
    /// <param name="stops">What ends an answer besides the client's own stop strings.</param>
    /// <exception cref="RequestRejectedException">A value is missing, unknown or out of range; likewise below.</exception>
    public static ChatRequest Read(V1.ChatRequest request, ForestDescription forest, IReadOnlyList<string> stops) => ChatRequest.Of(
        new("forest", RoutingMessages.ToGeneration(request, forest), Choices: 1, request.TopLogprobs, Stream: true, IncludeUsage: true),
        Read(request.Messages), Read(request.Tools, request.ToolChoice, !request.HasParallelToolCalls || request.ParallelToolCalls), stops);

    public static IReadOnlyList<ChatMessage> Read(IEnumerable<V1.Message> messages) => ChatMessage.All([.. messages.Select(message =>
        new MessageBody(RoleOf(message.Role), message.HasContent ? JsonSerializer.SerializeToElement(message.Content) : null,
            message.HasName ? message.Name : null, [.. message.ToolCalls.Select(Of)], message.HasToolCallId ? message.ToolCallId : null,
            Refusal: null, FunctionCall: null, Audio: null))]);

    /// <param name="choice">Null: as the model likes.</param>
    public static ChatTools Read(IEnumerable<V1.Tool> tools, V1.ToolChoice? choice, bool many) =>
        ChatTools.Of([.. tools.Select((tool, i) => Of(tool, $"tools[{i}].function.parameters"))], Of(choice), many);

    private static string? RoleOf(V1.Role role) => role == V1.Role.Unspecified ? null : RoutingNames.Of(role);

    private static ToolCallBody Of(V1.ToolCall call) =>
        new(call.Id, "function", call.Function is { } function ? new(function.Name, function.Arguments) : null, Index: null);

    private static ToolBody Of(V1.Tool tool, string at) => new("function", tool.Function is not { } function ? null
        : new(function.Name, function.HasDescription ? function.Description : null,
            function.HasParameters ? Schema(function.Parameters, at) : null, Strict: null));

    private static JsonSchema Schema(string text, string at)
    {
        try
        {
            return new(Field.Read(JsonElement.Parse(text), at, Field.Object));
        }
        catch (JsonException e)
        {
            throw RequestRejectedException.At(at, $"is not JSON ({BtxException.OneLine(e.Message)})");
        }
    }

    private static ToolChoice Of(V1.ToolChoice? choice) => choice switch
    {
        { KindCase: V1.ToolChoice.KindOneofCase.Function } => new("function", choice.Function),
        { KindCase: V1.ToolChoice.KindOneofCase.Mode } => RoutingMessages.Known("tool_choice", choice.Mode, Mode.Auto) switch
        {
            Mode.None => ToolChoice.None,
            Mode.Required => ToolChoice.Required,
            _ => ToolChoice.Auto,
        },
        _ => ToolChoice.Auto,
    };

    private enum Mode
    {
        Auto,
        None,
        Required,
    }
}
