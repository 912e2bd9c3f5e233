using System.Net.ServerSentEvents;
using System.Text.Json.Serialization;

namespace Btx.Server.Http;

/// <summary>Writes a completion: one JSON object, or server-sent events that end with <c>data: [DONE]</c>.</summary>
internal sealed class CompletionAnswer(CompletionRequest request, DateTimeOffset created)
{
    private readonly string _id = $"cmpl-{Guid.NewGuid():N}";

    public async Task<IResult> WholeAsync(IAsyncEnumerable<CompletionChoice> pieces)
    {
        var all = await pieces.ToListAsync();
        var (end, experts) = (all.Find(piece => piece.FinishReason is not null), all.FindAll(piece => piece.Experts is not null));
        var choice = new CompletionChoice(string.Concat(all.Select(piece => piece.Text)),
            request.LogProbs is null ? null : CompletionLogProbs.Join(all.Select(piece => piece.Logprobs)), end?.FinishReason)
        {
            Experts = experts.Count == 0 ? null : CompletionExperts.Join(experts.Select(piece => piece.Experts!)),
            FinishMessage = end?.FinishMessage,
        };
        return Results.Json(Body([choice], end?.Usage), BodyJson.Answers.Completion);
    }

    /// <summary>A refusal before the first token still has its own status.</summary>
    public async Task<IResult> StreamAsync(HttpContext http, IAsyncEnumerable<CompletionChoice> pieces)
    {
        var coming = pieces.GetAsyncEnumerator(http.RequestAborted);
        var more = await coming.MoveNextAsync(); // what throws here has nothing left to dispose
        http.Response.Headers["X-Accel-Buffering"] = "no";
        return TypedResults.ServerSentEvents(EventsAsync(http, coming, more));
    }

    private async IAsyncEnumerable<SseItem<byte[]>> EventsAsync(HttpContext http, IAsyncEnumerator<CompletionChoice> coming, bool more)
    {
        await using var end = coming;
        CompletionUsage? usage = null;
        while (more)
        {
            var piece = coming.Current;
            usage ??= piece.Usage;
            if (piece is not { Text.Length: 0, Logprobs: null, Experts: null, FinishReason: null }) yield return Event([piece]);
            OpenAiError? error = null;
            try
            {
                more = await coming.MoveNextAsync();
            }
            catch (Exception e) when ((error = OpenAiError.Of(e, http.RequestAborted)) is not null)
            {
                error.Record(http);
            }

            if (error is null) continue;
            yield return new(error.ToJson());
            yield break;
        }

        if (request.IncludeUsage) yield return Event([], usage);
        yield return new("[DONE]"u8.ToArray());
    }

    private SseItem<byte[]> Event(CompletionChoice[] choices, CompletionUsage? usage = null) =>
        new(JsonSerializer.SerializeToUtf8Bytes(Body(choices, usage), BodyJson.Answers.Completion));

    /// <param name="usage">Null: left out, or an explicit null in the chunks of a stream that ends with the usage.</param>
    private Completion Body(CompletionChoice[] choices, CompletionUsage? usage) =>
        new(_id, "text_completion", created.ToUnixTimeSeconds(), request.Model, choices)
        {
            Usage = usage is not null || request is { Stream: true, IncludeUsage: true }
                ? JsonSerializer.SerializeToElement(usage!, BodyJson.Answers.CompletionUsage) : null,
        };
}

/// <summary>A completion in OpenAI's form.</summary>
internal sealed record Completion(string Id, string Object, long Created, string Model, CompletionChoice[] Choices)
{
    /// <summary>A <see cref="CompletionUsage"/>, or null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Usage { get; init; }
}

/// <summary>An answer, or what one token or the echoed prompt adds to it.</summary>
/// <param name="FinishReason">At the end: <c>stop</c> or <c>length</c>; <c>removed</c> or <c>aborted</c> by a change of the forest.</param>
internal sealed record CompletionChoice(string Text, CompletionLogProbs? Logprobs, string? FinishReason, int Index = 0)
{
    /// <summary>Null unless asked for.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public CompletionExperts? Experts { get; init; }

    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? FinishMessage { get; init; }

    /// <summary>At the end.</summary>
    [JsonIgnore]
    public CompletionUsage? Usage { get; init; }
}

/// <summary>Tokens of a completion.</summary>
internal sealed record CompletionUsage(int PromptTokens, int CompletionTokens)
{
    public int TotalTokens => PromptTokens + CompletionTokens;
}

/// <summary>Parallel lists, one entry per token. Null: the first token of an echoed prompt, which nothing predicts.</summary>
/// <param name="TextOffset">Where each token begins in the whole text, in characters (Unicode code points).</param>
internal sealed record CompletionLogProbs(List<string> Tokens, List<double?> TokenLogprobs,
    List<Dictionary<string, double>?> TopLogprobs, List<int> TextOffset)
{
    public static CompletionLogProbs Join(IEnumerable<CompletionLogProbs?> parts)
    {
        CompletionLogProbs[] all = [.. parts.OfType<CompletionLogProbs>()];
        return new([.. all.SelectMany(part => part.Tokens)], [.. all.SelectMany(part => part.TokenLogprobs)],
            [.. all.SelectMany(part => part.TopLogprobs)], [.. all.SelectMany(part => part.TextOffset)]);
    }
}

/// <summary>What <c>include_experts</c> adds to OpenAI's form: lists with an entry per generated token, zeros omitted. In mode moe the
/// router's gates of each layer, and their mean over layers summed by domain.</summary>
/// <param name="Gates">[token][layer]: gate by expert.</param>
internal sealed record CompletionExperts(
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Posterior = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Contribution = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>[]>? Gates = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] List<Dictionary<string, double>>? Domains = null)
{
    /// <returns>Null for an event that reports no experts.</returns>
    public static CompletionExperts? Of(TokenEvent e, ForestDescription served)
    {
        if (e.Posterior is { } posterior)
            return new([Named(served.Experts, posterior)], [Named(served.Experts, e.Contribution!)]);
        if (e.Gates is not { } gates) return null;
        var moe = served.Moe!;
        var layers = gates.Values.Chunk(gates.Experts).Select(layer => Named(moe.Experts, [.. layer.Select(gate => (double)gate)]));
        return new(Gates: [[.. layers]], Domains: [Named(moe.DomainNames, gates.ByDomain(moe))]);
    }

    public static CompletionExperts Join(IEnumerable<CompletionExperts> parts)
    {
        CompletionExperts[] all = [.. parts];
        List<T>? Of<T>(Func<CompletionExperts, List<T>?> list) => list(all[0]) is null ? null : [.. all.SelectMany(part => list(part)!)];
        return new(Of(part => part.Posterior), Of(part => part.Contribution), Of(part => part.Gates), Of(part => part.Domains));
    }

    private static Dictionary<string, double> Named(IReadOnlyList<string> names, double[] values) =>
        names.Zip(values).Where(pair => pair.Second > 0).ToDictionary(pair => pair.First, pair => pair.Second);
}
