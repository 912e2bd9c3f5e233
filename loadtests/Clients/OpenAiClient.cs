using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json.Serialization;

namespace Btx.LoadTests.Clients;

/// <summary><c>/v1/completions</c> in OpenAI's form, streamed with log-probabilities: without them not every token has an event.</summary>
public sealed class OpenAiClient(Uri address, string? key = null) : IServerClient
{
    private static readonly JsonSerializerOptions s_json = new(RunJson.Line) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);
    private readonly HttpClient _http = new(Connection.Handler())
    {
        Timeout = Timeout.InfiniteTimeSpan,
        DefaultRequestHeaders = { Authorization = key is null ? null : new("Bearer", key) },
    };

    public async Task<ServedFacts> DescribeAsync(CancellationToken cancellation)
    {
        using var models = await GetAsync("/v1/models", cancellation);
        using var forest = await GetAsync("/v1/forest", cancellation, optional: true);
        return LoadTestException.Wrap($"{address.Authority}: GET /v1/models is not in OpenAI's form", () =>
        {
            var listed = models!.RootElement.GetProperty("data").EnumerateArray().ToArray();
            var shown = forest?.RootElement.GetProperty("forest");
            var domains = shown?.GetProperty("experts").EnumerateArray()
                .ToDictionary(e => e.GetProperty("name").GetString()!, e => e.GetProperty("domain").GetString()!) ?? [];
            string[] experts = [.. listed.Select(m => m.GetProperty("id").GetString()!)
                .Where(id => id.StartsWith("expert:", StringComparison.Ordinal)).Select(id => id["expert:".Length..])];
            var context = listed.Select(m => m.TryGetProperty("max_model_len", out var n) ? n.GetInt32() : 0).FirstOrDefault(n => n > 0);
            var precision = shown?.TryGetProperty("precision", out var p) == true ? p.GetString()! : "";
            return new ServedFacts(experts, [.. experts.Select(e => domains.GetValueOrDefault(e, ""))], [], [], 0, context, precision, "");
        });
    }

    public async Task<Answer> GenerateAsync(CompletionRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, new Uri(address, "/v1/completions")) { Content = Body(request) };
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation);
            if (!response.IsSuccessStatusCode)
                return Refused(response, await response.Content.ReadAsByteArrayAsync(cancellation));
            using var stream = await response.Content.ReadAsStreamAsync(cancellation);
            return await ReadAsync(stream, arrivals, cancellation);
        }
        catch (JsonException e)
        {
            return new("not_json", e.Message.ReplaceLineEndings(" "));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellation.ThrowIfCancellationRequested();
            return Broken(e, arrivals.Count > 0);
        }
    }

    public ValueTask DisposeAsync()
    {
        _http.Dispose();
        return default;
    }

    /// <summary>The model id that names a routing.</summary>
    internal static string ModelId(RoutingChoice routing) => routing.Mode switch
    {
        "top_k" => $"forest:top_k={routing.K}{Router(routing)}",
        "top_p" => $"forest:top_p={routing.P}{Router(routing)}",
        "average" => routing.Average is { } name ? $"average:{name}" : "average",
        "expert" => $"expert:{routing.Expert}",
        "moe" => routing.K is { } k ? $"btx:k={k}" : "btx",
        _ => "forest",
    };

    private static string Router(RoutingChoice routing) => routing.Router is { } router ? $",router={router}" : "";

    private static StringContent Body(CompletionRequest request) => new(JsonSerializer.Serialize(new
    {
        model = ModelId(request.Routing),
        prompt = request.Prompt,
        max_tokens = request.MaxTokens,
        temperature = request.Temperature,
        seed = request.Seed,
        ignore_eos = true,
        logprobs = 0,
        stream = true,
        stream_options = new { include_usage = true },
    }, s_json), Encoding.UTF8, "application/json");

    // The time of an event is noted as it arrives; only then it is looked into.
    private static async Task<Answer> ReadAsync(Stream stream, TokenArrivals arrivals, CancellationToken cancellation)
    {
        Event? Read(string type, ReadOnlySpan<byte> data)
        {
            var now = arrivals.Now();
            if (data.SequenceEqual("[DONE]"u8)) return null;
            var read = JsonSerializer.Deserialize<Event>(data, s_json);
            arrivals.Token(read?.Tokens ?? 0, now);
            return read;
        }

        var (done, choice, usage) = (false, (Choice?)null, (UsageOf?)null);
        await foreach (var item in SseParser.Create(stream, Read).EnumerateAsync(cancellation))
        {
            if (item.Data?.Message is { } error) return new("stream_error", error);
            done |= item.Data is null;
            if (item.Data?.Choices?.FirstOrDefault() is { FinishReason: not null } last) choice = last;
            usage = item.Data?.Usage ?? usage;
        }

        return done && choice is not null
            ? Answer.Ended(choice.FinishReason, choice.FinishMessage, usage?.PromptTokens ?? 0, usage?.CompletionTokens)
            : new(Answer.CutOff, "the stream ended before its last event");
    }

    // With the message of an error in OpenAI's form; else the beginning of the text.
    private static Answer Refused(HttpResponseMessage response, byte[] body)
    {
        string? error = null;
        try
        {
            error = JsonSerializer.Deserialize<Event>(body, s_json)?.Message;
        }
        catch (JsonException) { } // what is not JSON is shown as it is

        error ??= Encoding.UTF8.GetString(body.AsSpan(0, Math.Min(body.Length, 200))).ReplaceLineEndings(" ").Trim();
        return new($"http_{(int)response.StatusCode}", error.Length > 0 ? error : "no body");
    }

    private static Answer Broken(Exception e, bool begun) =>
        new(Connection.BrokenBy(e, begun) ?? Answer.CutOff, e.Message.ReplaceLineEndings(" "));

    private async Task<JsonDocument?> GetAsync(string path, CancellationToken cancellation, bool optional = false)
    {
        try
        {
            using var response = await _http.GetAsync(new Uri(address, path), cancellation).WaitAsync(s_patience, cancellation);
            var body = await response.Content.ReadAsByteArrayAsync(cancellation).WaitAsync(s_patience, cancellation);
            if (response.IsSuccessStatusCode) return JsonDocument.Parse(body);
            if (optional) return null;
            throw await Connection.ProblemAsync(address, http: true, Refused(response, body));
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw await Connection.ProblemAsync(address, http: true, Broken(e, begun: false), e);
        }
        catch (Exception e) when (e is JsonException or TimeoutException)
        {
            throw new LoadTestException($"{address.Authority}: GET {path} " + (e is TimeoutException
                ? $"gave no answer within {s_patience.TotalSeconds} s" : "did not answer JSON; is it the HTTP address of a server?"), e);
        }
    }

    private sealed record Event(Choice[]? Choices, UsageOf? Usage, JsonElement? Error)
    {
        /// <summary>As many as its log-probabilities, else one if it has text.</summary>
        public int Tokens => Choices?.Sum(c => c.Logprobs?.TokenLogprobs?.Length ?? (string.IsNullOrEmpty(c.Text) ? 0 : 1)) ?? 0;

        public string? Message => Error is not { } error || error.ValueKind == JsonValueKind.Null ? null
            : error.ValueKind == JsonValueKind.Object && error.TryGetProperty("message", out var m) ? m.ToString() : error.ToString();
    }

    private sealed record Choice(string? Text, LogprobsOf? Logprobs, string? FinishReason, string? FinishMessage);

    private sealed record LogprobsOf(double?[]? TokenLogprobs);

    private sealed record UsageOf(int PromptTokens, int? CompletionTokens);
}
