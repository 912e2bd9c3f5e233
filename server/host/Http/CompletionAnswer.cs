using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Btx.Engine;
using Btx.Server.Requests;

namespace Btx.Server.Http;

/// <summary>Writes a completion: one JSON object, or server-sent events that end with <c>data: [DONE]</c>.</summary>
internal sealed class CompletionAnswer(CompletionRequest request, DateTimeOffset created)
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";

    public async Task<IResult> WholeAsync(IAsyncEnumerable<CompletionPiece> pieces)
    {
        var text = new StringBuilder();
        var logProbs = request.LogProbs is null ? null : new CompletionLogProbs();
        CompletionExperts? experts = null;
        string? finish = null, message = null;
        CompletionUsage? usage = null;
        await foreach (var piece in pieces.ConfigureAwait(false))
        {
            text.Append(piece.Text);
            if (piece.LogProbs is not null) logProbs?.Append(piece.LogProbs);
            if (experts is null) experts = piece.Experts;
            else if (piece.Experts is not null) experts.Append(piece.Experts);
            finish ??= piece.FinishReason;
            message ??= piece.FinishMessage;
            usage ??= piece.Usage;
        }

        return Results.Json(Body([new(text.ToString(), logProbs, finish) { Experts = experts, FinishMessage = message }], usage), s_json);
    }

    public async Task StreamAsync(HttpContext http, IAsyncEnumerable<CompletionPiece> pieces)
    {
        var cancellation = http.RequestAborted;
        await using var enumerator = pieces.GetAsyncEnumerator(cancellation);
        var more = await enumerator.MoveNextAsync().ConfigureAwait(false); // a refusal before the first token still has its own status
        http.Response.ContentType = "text/event-stream";
        http.Response.Headers.CacheControl = "no-cache";
        http.Response.Headers["X-Accel-Buffering"] = "no";
        CompletionUsage? usage = null;
        try
        {
            for (; more; more = await enumerator.MoveNextAsync().ConfigureAwait(false))
            {
                var piece = enumerator.Current;
                usage ??= piece.Usage;
                if (piece is { Text.Length: 0, LogProbs: null, Experts: null, FinishReason: null }) continue;
                await SendAsync(JsonSerializer.SerializeToUtf8Bytes(Body([new(piece.Text, piece.LogProbs, piece.FinishReason) {
                    Experts = piece.Experts, FinishMessage = piece.FinishMessage }], null), s_json)).ConfigureAwait(false);
            }

            if (request.IncludeUsage) await SendAsync(JsonSerializer.SerializeToUtf8Bytes(Body([], usage), s_json)).ConfigureAwait(false);
            await SendAsync("[DONE]"u8.ToArray()).ConfigureAwait(false);
        }
        catch (Exception e) when (OpenAiError.Of(e, cancellation) is { } error)
        {
            error.Record(http);
            await SendAsync(error.ToJson()).ConfigureAwait(false);
        }

        async Task SendAsync(byte[] data)
        {
            await http.Response.Body.WriteAsync((byte[])[.. "data: "u8, .. data, .. "\n\n"u8], cancellation).ConfigureAwait(false);
            await http.Response.Body.FlushAsync(cancellation).ConfigureAwait(false);
        }
    }

    /// <param name="usage">Null: left out, or an explicit null in the chunks of a stream that ends with the usage.</param>
    private CompletionBody Body(Choice[] choices, CompletionUsage? usage) =>
        new(_id, "text_completion", created.ToUnixTimeSeconds(), request.Model, choices)
        {
            Usage = usage is not null || request is { Stream: true, IncludeUsage: true }
            ? JsonSerializer.SerializeToElement(usage, s_json) : null,
        };

    private sealed record Choice(string Text, CompletionLogProbs? Logprobs, string? FinishReason, int Index = 0)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public CompletionExperts? Experts { get; init; }

        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public string? FinishMessage { get; init; }
    }

    private sealed record CompletionBody(string Id, string Object, long Created, string Model, Choice[] Choices)
    {
        [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
        public JsonElement? Usage { get; init; }
    }
}
