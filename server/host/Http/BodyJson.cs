using System.Text.Encodings.Web;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using Btx.Server.Http.Chat;
using Btx.Server.Http.Messages;
using Btx.Server.Http.Responses;

namespace Btx.Server.Http;

/// <summary>The bodies of requests and answers. Another body is a record of its own and a line here.</summary>
[JsonSerializable(typeof(CompletionBody))]
[JsonSerializable(typeof(ChatBody))]
[JsonSerializable(typeof(ResponseBody))]
[JsonSerializable(typeof(ResponseText))]
[JsonSerializable(typeof(IReadOnlyList<ResponseItem>))]
[JsonSerializable(typeof(IReadOnlyList<ResponseTool>))]
[JsonSerializable(typeof(MessagesBody))]
[JsonSerializable(typeof(IReadOnlyList<ContentBlock>))]
[JsonSerializable(typeof(TokenizeBody))]
[JsonSerializable(typeof(DetokenizeBody))]
[JsonSerializable(typeof(Answer<CompletionChoice>))]
[JsonSerializable(typeof(Answer<ChatChoice>))]
[JsonSerializable(typeof(ResponseObject))]
[JsonSerializable(typeof(ResponseEvent))]
[JsonSerializable(typeof(MessageAnswer))]
[JsonSerializable(typeof(MessageEvent))]
[JsonSerializable(typeof(AnswerUsage))]
[JsonSerializable(typeof(OpenAiErrorBody))]
[JsonSerializable(typeof(MessageErrorBody))]
internal sealed partial class BodyJson : JsonSerializerContext
{
    private const int MaxDepth = 64;

    /// <summary>Bodies of requests: a value of another type than the field's is refused.</summary>
    public static readonly BodyJson Requests = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        MaxDepth = MaxDepth,
        Converters =
        {
            new Field<bool>(Field.Boolean), new Field<int>(value => Field.Integer(value)), new Field<long>(Field.Long),
            new Field<double>(Field.Number), new Field<string>(Field.Text), new Field<IReadOnlyList<string>>(Field.Texts),
            new Field<IReadOnlyList<int>>(value => Field.List(value, id => Field.Integer(id, "holds"))),
            new Field<IReadOnlyDictionary<int, double>>(Field.NumbersByToken), new Field<IReadOnlyList<Prompt>>(Field.Prompts),
            new Field<V1.Routing>(Field.Routing), new Field<ToolChoice>(Chat.ToolChoice.Read),
            new Field<JsonSchema>(value => new(Field.Object(value))),
        },
    });

    /// <summary>Answers; a message's quotes stay quotes, readable in a terminal.</summary>
    public static readonly BodyJson Answers = new(new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        MaxDepth = 2 * MaxDepth, // a response repeats what was asked, somewhat deeper
    });

    /// <summary>Reads a request's body.</summary>
    /// <exception cref="BadHttpRequestException">It says that it is something else than JSON.</exception>
    /// <inheritdoc cref="ReadAsync{T}(Stream, JsonTypeInfo{T}, CancellationToken)"/>
    public static async Task<T> ReadAsync<T>(HttpContext http, JsonTypeInfo<T> type) where T : class => Read(await ReadAsync(http), type);

    /// <summary>Reads a request's body whose fields another knows.</summary>
    /// <inheritdoc cref="ReadAsync{T}(HttpContext, JsonTypeInfo{T})"/>
    public static Task<JsonElement> ReadAsync(HttpContext http) => http.Request.HasJsonContentType()
        ? ReadAsync(http.Request.Body, http.RequestAborted)
        : throw new BadHttpRequestException("the body's content type is not application/json", StatusCodes.Status415UnsupportedMediaType);

    /// <summary>Reads a body; each refusal names the field and quotes a part of its value.</summary>
    /// <exception cref="RequestRejectedException">A field has another type than its record says, or is given twice.</exception>
    /// <exception cref="JsonException">The body is not JSON, or not valid UTF-8.</exception>
    public static async Task<T> ReadAsync<T>(Stream body, JsonTypeInfo<T> type, CancellationToken cancellation) where T : class =>
        Read(await ReadAsync(body, cancellation), type);

    private static async Task<JsonElement> ReadAsync(Stream body, CancellationToken cancellation)
    {
        using var bytes = new MemoryStream();
        await body.CopyToAsync(bytes, cancellation);
        if (!Utf8.IsValid(bytes.GetBuffer().AsSpan(0, (int)bytes.Length))) throw new JsonException("it is not valid UTF-8");
        bytes.Position = 0;
        using var json = JsonDocument.Parse(bytes, new() { MaxDepth = MaxDepth });
        if (Doubled(json.RootElement, isBody: true) is { } doubled)
            throw RequestRejectedException.For(doubled, $"{BtxException.OneLine(doubled, 100)} is given twice; give it once");
        return json.RootElement.Clone();
    }

    /// <summary>Reads a body, or a part of one that its record left as it came.</summary>
    /// <param name="at">Where the part is in the body; null: it is the body.</param>
    /// <exception cref="RequestRejectedException">A field has another type than its record says.</exception>
    public static T Read<T>(JsonElement json, JsonTypeInfo<T> type, string? at = null) where T : class
    {
        try
        {
            return json.Deserialize(type) ?? throw RequestRejectedException.At(at ?? "body", "is null; expected an object or an array");
        }
        catch (JsonException e)
        {
            var path = e.Path is { Length: > 1 } inner ? inner[1..] : ""; // $.field.inner[0]
            var field = at is not null ? at + path : path.Length > 1 ? path[1..] : "body";
            if (e is FieldException) throw RequestRejectedException.For(field, $"{field} {e.Message}");
            throw RequestRejectedException.For(field, field == "body" ? "the body is not a JSON object"
                : $"{field} is not an {(e.Message.Contains("IReadOnlyList", StringComparison.Ordinal) ? "array" : "object")}");
        }
    }

    /// <summary>The path of a field that an object gives twice, at any depth; null: none. What is ignored is not looked into.</summary>
    private static string? Doubled(JsonElement value, bool isBody = false)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            var at = 0;
            foreach (var entry in value.EnumerateArray())
            {
                if (entry.ValueKind is JsonValueKind.Object or JsonValueKind.Array && Doubled(entry) is { } inner)
                    return $"[{at}]{(inner[0] == '[' ? "" : ".")}{inner}";
                at++;
            }
        }

        if (value.ValueKind != JsonValueKind.Object) return null;
        var seen = new HashSet<string>(StringComparer.Ordinal); // names alone: paths would cost a name's length for each field within
        foreach (var field in value.EnumerateObject())
        {
            var name = NameOf(field);
            if (!seen.Add(name)) return name;
            if (isBody && RequestObject.IsIgnored(name)) continue;
            if (Doubled(field.Value) is { } inner) return $"{name}{(inner[0] == '[' ? "" : ".")}{inner}";
        }

        return null;
    }

    private static string NameOf(JsonProperty field)
    {
        try
        {
            return field.Name;
        }
        catch (InvalidOperationException)
        {
            throw RequestRejectedException.For("body", "a field's name is not valid UTF-8 or holds half of a surrogate pair");
        }
    }
}
