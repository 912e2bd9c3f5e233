using System.Buffers;
using System.Net.Http.Headers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Btx.LoadTests.Doors;

/// <summary><c>/v1/completions</c> in OpenAI's form, streamed. It asks for the log-probability of each token: without it, a token
/// whose text is not complete has no event.</summary>
public sealed class OpenAiDoor : IDoor
{
    private static readonly JsonWriterOptions s_writer = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true
    };
    private readonly Uri _address;
    private readonly Uri _completions;
    private readonly HttpClient _http;

    /// <param name="key">Sent as <c>authorization: Bearer</c>; null: none.</param>
    public OpenAiDoor(Uri address, string? key = null)
    {
        (_address, _completions) = (address, new(address, "/v1/completions"));
        _http = new(DoorConnections.Create()) { Timeout = Timeout.InfiniteTimeSpan };
        if (key is not null) _http.DefaultRequestHeaders.Authorization = new("Bearer", key);
    }

    public string Name => "http";

    public async Task<ServedModel> DescribeAsync(CancellationToken cancellation)
    {
        using var models = await GetAsync("/v1/models", cancellation).ConfigureAwait(false);
        using var forest = await GetAsync("/v1/forest", cancellation, optional: true).ConfigureAwait(false);
        try
        {
            return ServedModels.Read(models!.RootElement, forest?.RootElement);
        }
        catch (Exception e) when (e is InvalidOperationException or KeyNotFoundException)
        {
            throw new LoadTestException($"{_address.Authority}: GET /v1/models is not in OpenAI's form: {e.Message}", e);
        }
    }

    public async Task<DoorAnswer> GenerateAsync(DoorRequest request, TokenArrivals arrivals, CancellationToken cancellation)
    {
        try
        {
            using var message = new HttpRequestMessage(HttpMethod.Post, _completions) { Content = Body(request) };
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, cancellation)
                .ConfigureAwait(false);
            if (!response.IsSuccessStatusCode)
                return new($"http_{(int)response.StatusCode}")
                {
                    Error = CompletionEvents.Message(await response.Content.ReadAsByteArrayAsync(cancellation).ConfigureAwait(false))
                };
            using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
            return await CompletionEvents.ReadAsync(stream, arrivals, cancellation).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            cancellation.ThrowIfCancellationRequested();
            return new(DoorConnections.BrokenBy(e, arrivals.Count > 0) ?? DoorAnswer.CutOff) { Error = e.Message.ReplaceLineEndings(" ") };
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
        "top_k" => $"forest:top_k={routing.K}",
        "top_p" => $"forest:top_p={routing.P}",
        "average" => routing.Average is { } name ? $"average:{name}" : "average",
        "expert" => $"expert:{routing.Expert}",
        "moe" => routing.K is { } k ? $"btx:k={k}" : "btx",
        _ => "forest",
    };

    private static ByteArrayContent Body(DoorRequest request)
    {
        var buffer = new ArrayBufferWriter<byte>(1024 + (request.Prompt?.Length ?? 0));
        using (var json = new Utf8JsonWriter(buffer, s_writer))
        {
            json.WriteStartObject();
            json.WriteString("model", ModelId(request.Routing));
            if (request.PromptIds is null)
            {
                json.WriteString("prompt", request.Prompt);
            }
            else
            {
                json.WriteStartArray("prompt");
                foreach (var id in request.PromptIds) json.WriteNumberValue(id);
                json.WriteEndArray();
            }

            json.WriteNumber("max_tokens", request.MaxTokens);
            json.WriteNumber("temperature", request.Temperature);
            if (request.Seed is { } seed) json.WriteNumber("seed", seed);
            json.WriteBoolean("ignore_eos", request.IgnoreEos);
            json.WriteNumber("logprobs", 0);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        var content = new ByteArrayContent(buffer.WrittenMemory.ToArray());
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        return content;
    }

    private async Task<JsonDocument?> GetAsync(string path, CancellationToken cancellation, bool optional = false)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        try
        {
            using var response = await _http.GetAsync(new Uri(_address, path), limit.Token).ConfigureAwait(false);
            var body = await response.Content.ReadAsByteArrayAsync(limit.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode) return JsonDocument.Parse(body);
            if (optional) return null;
            var refused = new DoorAnswer($"http_{(int)response.StatusCode}") { Error = CompletionEvents.Message(body) };
            throw await DoorFault.OfAsync(_address, http: true, refused).ConfigureAwait(false);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            var broken = new DoorAnswer(DoorConnections.BrokenBy(e, begun: false)
                ?? DoorAnswer.CutOff)
            { Error = e.Message.ReplaceLineEndings(" ") };
            throw await DoorFault.OfAsync(_address, http: true, broken, e).ConfigureAwait(false);
        }
        catch (JsonException e)
        {
            throw new LoadTestException($"{_address.Authority}: GET {path} did not answer JSON; is it the HTTP door of a server?", e);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new LoadTestException($"{_address.Authority}: GET {path} gave no answer within 30 s", e);
        }
    }
}
