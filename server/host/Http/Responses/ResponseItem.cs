using Btx.Server.Http.Chat;

namespace Btx.Server.Http.Responses;

/// <summary>An item of the input: a message, a call that the model made, or what a call gave.</summary>
/// <param name="Type">Null: a message.</param>
/// <param name="Id">Says nothing, as status does: nothing is stored.</param>
/// <param name="Content">A text, or a list of parts.</param>
/// <param name="Output">Of a call: a text, or a list of parts.</param>
internal sealed record ResponseItem(string? Type, string? Id, string? Status, string? Role, JsonElement? Content, string? CallId,
    string? Name, string? Arguments, JsonElement? Output) : RequestObject
{
    private static readonly string[] s_roles = ["system", "developer", "user", "assistant"];

    /// <summary>The input as messages of a chat: calls go to the assistant's message before them, as templates expect it.</summary>
    /// <param name="instructions">What goes before all, as a system message; null: nothing.</param>
    public static IReadOnlyList<ChatMessage> Messages(string? instructions, JsonElement input)
    {
        var messages = new List<ChatMessage>();
        if (instructions is not null) messages.Add(new("system", instructions, null, [], null));
        if (input.ValueKind == JsonValueKind.String)
        {
            messages.Add(new("user", Field.Read(input, "input", Field.Text), null, [], null));
            return messages;
        }

        var items = BodyJson.Read(input, BodyJson.Requests.IReadOnlyListResponseItem, "input");
        ChatMessage.RequireSome(items.Count, "input");
        foreach (var (i, item) in items.Index())
        {
            var at = $"input[{i}]";
            if (item is null) throw RequestRejectedException.At(at, "is null; expected an object");
            item.AddTo(messages, at);
        }

        return messages;
    }

    private void AddTo(List<ChatMessage> messages, string at)
    {
        switch (Type ?? "message")
        {
            case "message":
                RefuseOthers($"{at}.");
                if (!s_roles.Contains(Role))
                    throw RequestRejectedException.At($"{at}.role", $"is {Quoted.Of(Role)}; use {string.Join(", ", s_roles)}");
                messages.Add(new(Role!, Text(Content, $"{at}.content"), null, [], null));
                break;
            case "function_call":
                RefuseOthers($"{at}.");
                var call = Call(at);
                if (messages is [.., { Role: "assistant" } last]) messages[^1] = last with { Calls = [.. last.Calls, call] };
                else messages.Add(new("assistant", "", null, [call], null));
                break;
            case "function_call_output":
                RefuseOthers($"{at}.");
                if (CallId is null) throw RequestRejectedException.At($"{at}.call_id", "is missing: name the call");
                messages.Add(new("tool", Text(Output, $"{at}.output"), null, [], CallId));
                break;
            case "item_reference":
                throw RequestRejectedException.At(at,
                    "names an item that would have to be stored, and this server stores none; send it whole");
            default:
                throw RequestRejectedException.At($"{at}.type",
                    $"is {Quoted.Of(Type)}; message, function_call and function_call_output are taken");
        }
    }

    private ToolCall Call(string at)
    {
        if (Name is null || Arguments is null) throw RequestRejectedException.At(at, "is a call without name or arguments");
        return ToolCall.IsObject(Arguments) ? new(CallId ?? "", Name, Arguments)
            : throw RequestRejectedException.At($"{at}.arguments", "is not a JSON object in a string");
    }

    private static string Text(JsonElement? content, string at) => content is { } given
        ? ChatMessage.Text(given, at, "input_text", "output_text", "text") : throw RequestRejectedException.At(at, "is missing");
}
