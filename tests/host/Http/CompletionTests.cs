using System.Net.Sockets;
using System.Text;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary><c>/v1/completions</c> in OpenAI's form.</summary>
public sealed class CompletionTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Whole_answer_has_the_form()
    {
        var body = await Post(new { model = "forest", prompt = "the", max_tokens = 60 });
        Assert.Equal(["id", "object", "created", "model", "system_fingerprint", "choices", "usage"],
            body.EnumerateObject().Select(field => field.Name));
        Assert.StartsWith("cmpl-", body.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("text_completion", body.GetProperty("object").GetString());
        Assert.Equal("forest", body.GetProperty("model").GetString());
        var choice = body.GetProperty("choices")[0];
        Assert.Equal(FakeEngine.Completion, choice.GetProperty("text").GetString());
        Assert.Equal(0, choice.GetProperty("index").GetInt32());
        Assert.Equal("stop", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("logprobs").ValueKind);
        var usage = body.GetProperty("usage");
        Assert.Equal(usage.GetProperty("total_tokens").GetInt32(),
            usage.GetProperty("prompt_tokens").GetInt32() + usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(0, usage.GetProperty("prompt_tokens_details").GetProperty("cached_tokens").GetInt32());
        var steps = usage.GetProperty("completion_tokens").GetInt32();
        Assert.Equal($"{{\"novels\":{steps},\"python\":{steps}}}", usage.GetProperty("expert_steps").GetRawText());
        Assert.Equal("fp_aaaaaaaaaaaa_0", body.GetProperty("system_fingerprint").GetString());
    }

    [Fact]
    public async Task Log_probabilities_are_parallel_lists()
    {
        var body = await Post(new { model = "forest", prompt = "the", max_tokens = 3, logprobs = 2 });
        var choice = body.GetProperty("choices")[0];
        var logProbs = choice.GetProperty("logprobs");
        var tokens = Strings(logProbs.GetProperty("tokens"));
        Assert.Equal(choice.GetProperty("text").GetString(), string.Concat(tokens));
        Assert.Equal([-0.5, -1, -1.5], logProbs.GetProperty("token_logprobs").EnumerateArray().Select(value => value.GetDouble()));
        Assert.Equal([0, tokens[0].Length, tokens[0].Length + tokens[1].Length],
            logProbs.GetProperty("text_offset").EnumerateArray().Select(value => value.GetInt32()));
        Assert.Equal(2, logProbs.GetProperty("top_logprobs")[0].EnumerateObject().Count());
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Experts_come_on_request_as_parallel_lists()
    {
        var experts = (await Post(new { model = "forest", prompt = "the", max_tokens = 2, include_experts = true })).GetProperty(
            "choices")[0].GetProperty("experts");
        Assert.Equal(
            """{"posterior":[{"novels":0.75,"python":0.25},{"novels":0.75,"python":0.25}],"contribution":[{"novels":0.9,"python":0.1},{"novels":0.1,"python":0.9}]}""",
            experts.GetRawText());
        experts = (await Post(new { model = "btx", prompt = "the", max_tokens = 2, include_experts = true })).GetProperty(
            "choices")[0].GetProperty("experts");
        Assert.Equal(
            """{"gates":[[{"novels":0.75,"python":0.25},{"fables":1}],[{"novels":0.25,"python":0.75},{"python":1}]],"domains":[{"prose":0.875,"code":0.125},{"prose":0.125,"code":0.875}]}""",
            experts.GetRawText());
        Assert.False(
            (await Post(new { model = "btx", prompt = "the", max_tokens = 2 })).GetProperty("choices")[0].TryGetProperty("experts", out _));
    }

    [Fact]
    public async Task A_stream_carries_the_experts_of_each_token()
    {
        var events = await Stream(new { model = "btx:k=2", prompt = "the", max_tokens = 3, stream = true, include_experts = true });
        var domains = events[..^1].Select(text => JsonSerializer.Deserialize<JsonElement>(text).GetProperty("choices")[0])
            .Where(choice => choice.TryGetProperty("experts", out _))
            .Select(choice => choice.GetProperty("experts").GetProperty("domains")[0].GetProperty("prose").GetDouble());
        Assert.Equal([0.875, 0.125, 0.875], domains);
    }

    [Fact]
    public async Task Echo_puts_the_prompt_first()
    {
        var body = await Post(new { model = "forest", prompt = "the fox", max_tokens = 60, echo = true });
        Assert.Equal("the fox" + FakeEngine.Completion, body.GetProperty("choices")[0].GetProperty("text").GetString());
    }

    [Fact]
    public async Task Echo_of_nothing_but_the_prompt_scores_it()
    {
        var body = await Post(new { model = "forest", prompt = "the fox", max_tokens = 0, echo = true, logprobs = 0 });
        var logProbs = body.GetProperty("choices")[0].GetProperty("logprobs");
        Assert.Equal("the fox", string.Concat(Strings(logProbs.GetProperty("tokens"))));
        var values = logProbs.GetProperty("token_logprobs").EnumerateArray().ToArray();
        Assert.Equal(_server.Tokenizer.AddBos, values[0].ValueKind == JsonValueKind.Number);
        Assert.All(values.Skip(1), value => Assert.InRange(value.GetDouble(), -9999, 0));
        Assert.Equal(0, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Theory]
    [InlineData(double.NegativeInfinity)]
    [InlineData(double.NaN)]
    public async Task The_logprob_of_what_is_impossible_is_a_number_that_JSON_has(double logProb)
    {
        _server.Engine.LogProb = logProb;
        var whole = await Post(new { model = "forest", prompt = "the fox", max_tokens = 2, logprobs = 2 });
        var echo = await Post(new { model = "forest", prompt = "the fox", max_tokens = 0, echo = true, logprobs = 2 });
        var stream = await Stream(new { model = "forest", prompt = "the fox", max_tokens = 2, logprobs = 2, stream = true });
        Assert.Equal("[DONE]", stream[^1]);
        foreach (var body in stream[..^1].Select(text => JsonSerializer.Deserialize<JsonElement>(text)).Append(whole).Append(echo))
        {
            if (body.GetProperty("choices")[0].GetProperty("logprobs") is not { ValueKind: JsonValueKind.Object } lists) continue;
            double[] Numbers(string list) => [.. lists.GetProperty(list).EnumerateArray().Where(e => e.ValueKind != JsonValueKind.Null)
                .SelectMany(e => e.ValueKind == JsonValueKind.Number ? [e] : e.EnumerateObject().Select(o => o.Value))
                .Select(e => e.GetDouble())];
            Assert.All([.. Numbers("token_logprobs"), .. Numbers("top_logprobs")], n => Assert.Equal(-9999, n));
            Assert.NotEmpty(Numbers("token_logprobs"));
        }
    }

    [Fact]
    public async Task Token_prompts_are_taken()
    {
        var ids = _server.Tokenizer.Encode("the fox");
        await Post(new { model = "forest", prompt = ids });
        Assert.Equal(ids, _server.Engine.LastGeneration!.Prompt);
        await Post(new { model = "forest", prompt = new[] { ids } });
        Assert.Equal(ids, _server.Engine.LastGeneration!.Prompt);
    }

    [Fact]
    public async Task Stream_is_events_that_end_with_done()
    {
        var events = await Stream(new { model = "forest", prompt = "the", max_tokens = 60, stream = true });
        Assert.Equal("[DONE]", events[^1]);
        var chunks = events[..^1].Select(text => JsonSerializer.Deserialize<JsonElement>(text)).ToArray();
        Assert.Single(chunks.Select(chunk => chunk.GetProperty("id").GetString()).Distinct());
        Assert.Equal(FakeEngine.Completion,
            string.Concat(chunks.Select(chunk => chunk.GetProperty("choices")[0].GetProperty("text").GetString())));
        Assert.Equal("stop", chunks[^1].GetProperty("choices")[0].GetProperty("finish_reason").GetString());
        Assert.All(chunks[..^1],
            chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("choices")[0].GetProperty("finish_reason").ValueKind));
        Assert.All(chunks, chunk => Assert.False(chunk.TryGetProperty("usage", out _)));
    }

    [Fact]
    public async Task Stream_ends_with_the_usage_if_asked_for()
    {
        var events = await Stream(new
        {
            model = "forest",
            prompt = "the",
            max_tokens = 3,
            stream = true,
            stream_options = new { include_usage = true }
        });
        var chunks = events[..^1].Select(text => JsonSerializer.Deserialize<JsonElement>(text)).ToArray();
        Assert.All(chunks[..^1], chunk => Assert.Equal(JsonValueKind.Null, chunk.GetProperty("usage").ValueKind));
        Assert.Empty(chunks[^1].GetProperty("choices").EnumerateArray());
        Assert.Equal(3, chunks[^1].GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task Stream_sends_each_token_when_it_comes()
    {
        var release = new TaskCompletionSource();
        _server.Engine.Hold = release.Task;
        using var response = await Open(new { model = "forest", prompt = "the", max_tokens = 60, stream = true });
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync());
        Assert.StartsWith("data: {", await reader.ReadLineAsync(), StringComparison.Ordinal);
        Assert.Equal(1, _server.Engine.Running);
        release.SetResult();
        Assert.EndsWith("data: [DONE]\n\n", await reader.ReadToEndAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_leaves_frees_its_request()
    {
        _server.Engine.Hold = Task.Delay(Timeout.Infinite);
        using (var client = new TcpClient())
        {
            var address = new Uri(_server.HttpAddress);
            await client.ConnectAsync(address.Host, address.Port);
            const string Body = """{"model":"forest","prompt":"the","stream":true}""";
            await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n"
                + $"content-type: application/json\r\ncontent-length: {Body.Length}\r\n\r\n{Body}"));
            await _server.Engine.Holding;
            client.LingerState = new(enable: true, seconds: 0); // it is reset, not closed
        }

        await _server.Engine.Cancelled.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Models_are_listed_and_found_by_id()
    {
        var list = await _server.Http.GetFromJsonAsync<JsonElement>("/v1/models");
        var ids = list.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!).ToArray();
        Assert.Equal(["forest", "forest:top_k=1", "forest:top_k=2", "forest:top_p=0.9", "average", "average:posterior@novels",
            "average:posterior@python", "average:prose", "expert:novels", "expert:python", "expert:german", "btx", "btx:k=1", "btx:k=2",
            "btx:k=3"], ids);
        foreach (var id in ids.Append("forest:top_k=3,posterior=fixed"))
        {
            var model = await _server.Http.GetFromJsonAsync<JsonElement>($"/v1/models/{Uri.EscapeDataString(id)}");
            Assert.Equal((id, "model", _server.Engine.Describe().ContextLength), (model.GetProperty("id").GetString(),
                model.GetProperty("object").GetString(), model.GetProperty("max_model_len").GetInt32()));
        }

        using var absent = await _server.Http.GetAsync("/v1/models/expert:nobody");
        Assert.Equal(System.Net.HttpStatusCode.NotFound, absent.StatusCode);
        using var scoring = await _server.Http.GetAsync("/v1/models/forest:top_k=2,select=per_token");
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, scoring.StatusCode);
    }

    private static string[] Strings(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetString()!)];

    private async Task<JsonElement> Post(object request)
    {
        using var response = await _server.Http.PostAsJsonAsync("/v1/completions", request);
        response.EnsureSuccessStatusCode();
        return await response.Content.ReadFromJsonAsync<JsonElement>();
    }

    private async Task<HttpResponseMessage> Open(object request)
    {
        using var message = new HttpRequestMessage(HttpMethod.Post, "/v1/completions") { Content = JsonContent.Create(request) };
        var response = await _server.Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        response.EnsureSuccessStatusCode();
        return response;
    }

    private async Task<string[]> Stream(object request)
    {
        using var response = await Open(request);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType!.MediaType);
        var text = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("\n\n", text, StringComparison.Ordinal);
        return [.. text[..^2].Split("\n\n")
            .Select(line => line.StartsWith("data: ", StringComparison.Ordinal) ? line[6..] : throw new InvalidDataException(line))];
    }
}
