using System.Buffers;
using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;

namespace Btx.Server.Http;

/// <summary>An answer in OpenAI's form, or a part of one that is streamed.</summary>
/// <typeparam name="T">What a choice is: that of a completion or of a chat.</typeparam>
/// <param name="SystemFingerprint">Changes with the forest.</param>
internal sealed record Answer<T>(string Id, string Object, long Created, string Model, string SystemFingerprint, IReadOnlyList<T> Choices)
{
    /// <summary>An <see cref="AnswerUsage"/>, or null.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public JsonElement? Usage { get; init; }
}

/// <summary>Tokens of a request, all choices together; a prompt counts once, however many answers it gets.</summary>
/// <param name="ExpertSteps">Steps that each expert ran, as gRPC's usage has them.</param>
/// <param name="RoutedTokens">Of a BTX model: tokens that each expert computed, mean over layers; null: none.</param>
internal sealed record AnswerUsage(int PromptTokens, int CompletionTokens, IReadOnlyDictionary<string, int> ExpertSteps,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyDictionary<string, double>? RoutedTokens)
{
    public PromptDetails PromptTokensDetails { get; } = new(0);

    public int TotalTokens => PromptTokens + CompletionTokens;

    internal sealed record PromptDetails(int CachedTokens);
}

/// <summary>Adds up the usage of a request's generations.</summary>
internal sealed class UsageCount(int promptTokens)
{
    private readonly Dictionary<string, int> _steps = new(StringComparer.Ordinal);
    private readonly Dictionary<string, double> _routed = new(StringComparer.Ordinal);
    private int _completionTokens;

    public AnswerUsage Total => new(promptTokens, _completionTokens, _steps,
        _routed.Count == 0 ? null : _routed.ToDictionary(e => e.Key, e => Math.Round(e.Value, 6))); // whatever the order of adding up

    /// <param name="forest">The forest that the generation began with.</param>
    public void Add(Usage usage, ForestDescription forest)
    {
        _completionTokens += usage.CompletionTokens;
        foreach (var (expert, steps) in forest.Experts.Zip(usage.ExpertSteps).Where(e => e.Second > 0))
            _steps[expert] = _steps.GetValueOrDefault(expert) + steps;
        foreach (var (expert, tokens) in (forest.Moe?.Experts ?? []).Zip(usage.RoutedTokens).Where(e => e.Second > 0))
            _routed[expert] = _routed.GetValueOrDefault(expert) + tokens;
    }
}

internal static class FinishReasons
{
    /// <summary>The event's, as OpenAI's API names it; null: it goes on.</summary>
    public static string? Of(TokenEvent e) => e.Finish switch
    {
        FinishReason.Stop => "stop",
        FinishReason.Length => "length",
        FinishReason.Removed => "removed",
        FinishReason.Aborted => "aborted",
        _ => null,
    };
}

internal static class LogProbs
{
    /// <summary>JSON has no infinity: what is impossible has the number that OpenAI's API has for it.</summary>
    public static double Finite(double logProb) => double.IsFinite(logProb) ? logProb : -9999;
}

internal static class WholeAnswer
{
    /// <summary>One JSON object. Its length is known before it is sent: that says whether it is worth being compressed.</summary>
    public static IResult Of<T>(T answer, JsonTypeInfo<T> type) =>
        Results.Text(JsonSerializer.SerializeToUtf8Bytes(answer, type), "application/json; charset=utf-8");
}

/// <summary>Writes an answer: one JSON object, or server-sent events that end with <c>data: [DONE]</c>.</summary>
/// <param name="usage">Asked once all pieces were read.</param>
/// <param name="prefix">Of the answer's id.</param>
internal sealed class AnswerWriter<T>(AskedGeneration asked, Func<AnswerUsage> usage, string fingerprint, DateTimeOffset created,
    string prefix, JsonTypeInfo<Answer<T>> type)
{
    private static readonly JsonElement s_none = JsonElement.Parse("null");
    private readonly string _id = $"{prefix}-{Guid.NewGuid():N}";

    /// <param name="kind">Of object, as OpenAI's API names it.</param>
    public IResult Whole(string kind, IReadOnlyList<T> choices) => WholeAnswer.Of(Body(kind, choices, usage()), type);

    /// <inheritdoc cref="EventStream.AnswerAsync"/>
    public Task<IResult> StreamAsync(HttpContext http, string kind, IAsyncEnumerable<T> pieces) =>
        EventStream.AnswerAsync(http, EventsAsync(kind, pieces, http.RequestAborted));

    private async IAsyncEnumerable<SseItem<byte[]>> EventsAsync(string kind, IAsyncEnumerable<T> pieces,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        // All pieces stand in the same answer: what is around them is written once.
        var around = JsonSerializer.SerializeToUtf8Bytes(Body(kind, [], null), type);
        var at = around.AsSpan().IndexOf("\"choices\":[]"u8) + "\"choices\":["u8.Length;
        var one = (JsonTypeInfo<T>)type.Options.GetTypeInfo(typeof(T));
        var buffer = new ArrayBufferWriter<byte>();
        await using var json = new Utf8JsonWriter(buffer, new() { Encoder = type.Options.Encoder, SkipValidation = true });
        await foreach (var piece in pieces.WithCancellation(cancellation))
        {
            buffer.ResetWrittenCount();
            json.Reset();
            JsonSerializer.Serialize(json, piece, one);
            yield return new([.. around.AsSpan(0, at), .. buffer.WrittenSpan, .. around.AsSpan(at)]);
        }

        if (asked.IncludeUsage) yield return new(JsonSerializer.SerializeToUtf8Bytes(Body(kind, [], usage()), type));
        yield return new("[DONE]"u8.ToArray());
    }

    /// <param name="total">Null: left out, or an explicit null in the chunks of a stream that ends with the usage.</param>
    private Answer<T> Body(string kind, IReadOnlyList<T> choices, AnswerUsage? total) =>
        new(_id, kind, created.ToUnixTimeSeconds(), asked.Model, fingerprint, choices)
        {
            Usage = total is not null ? JsonSerializer.SerializeToElement(total, BodyJson.Answers.AnswerUsage)
                : asked is { Stream: true, IncludeUsage: true } ? s_none : null,
        };
}
