using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>
/// <c>echo</c> in all its forms: everything is checked first, the prompt's tokens are told as clients of OpenAI's completions expect them.
/// </summary>
public sealed class EchoTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public static TheoryData<string, int, string> BadValues => new()
    {
        { "\"temperature\":-5", 400, "temperature is -5" },
        { "\"top_p\":0", 400, "top_p is 0" },
        { "\"top_k\":-1", 400, "top_k is -1" },
        { "\"logprobs\":99", 400, "expected 0..20" },
        { "\"stop\":[\"\"]", 400, "stop" },
        { "\"prompt\":[99999]", 400, "prompt token 0 is 99999" },
        { "\"prompt\":[]", 400, "prompt is empty" },
        { "\"prompt\":null", 400, "prompt is missing" },
        { "\"model\":\"expert:nobody\"", 404, "no expert \"nobody\"" },
        { "\"model\":\"forest:top_k=9\"", 400, "k is 9" },
    };

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [MemberData(nameof(BadValues))]
    public async Task Whatever_is_asked_for_is_checked_before_any_work(string bad, int status, string message)
    {
        var name = bad[..(bad.IndexOf(':', StringComparison.Ordinal) + 1)];
        foreach (var form in new[] { "\"max_tokens\":0", "\"max_tokens\":3", "\"max_tokens\":0,\"logprobs\":1",
            "\"max_tokens\":3,\"logprobs\":1", "\"max_tokens\":3,\"logprobs\":1,\"stream\":true" })
        {
            string[] fields = ["\"model\":\"forest\"", "\"prompt\":[1,2]", .. form.Split(','), "\"echo\":true"];
            var body = $"{{{string.Join(',', fields.Where(f => !f.StartsWith(name, StringComparison.Ordinal)).Append(bad))}}}";
            using var response = await PostAsync(body);
            Assert.Equal(status, (int)response.StatusCode);
            Assert.Contains(message, (await Json(response)).GetProperty("error").GetProperty("message").GetString(),
                StringComparison.Ordinal);
        }

        Assert.Null(_server.Engine.LastGeneration);
        Assert.Null(_server.Engine.LastScore);
    }

    [Fact]
    public async Task One_token_has_nothing_before_it()
    {
        var choice = await ChoiceAsync("""{"model":"forest","prompt":[5],"max_tokens":2,"echo":true,"logprobs":1,"ignore_eos":true}""");
        var logProbs = choice.GetProperty("logprobs");
        Assert.Equal(3, logProbs.GetProperty("tokens").GetArrayLength());
        foreach (var list in new[] { "token_logprobs", "top_logprobs" })
            Assert.Equal([true, false, false],
                logProbs.GetProperty(list).EnumerateArray().Select(value => value.ValueKind == JsonValueKind.Null));
        Assert.Null(_server.Engine.LastScore);
        Assert.Equal(2, _server.Engine.LastGeneration!.MaxTokens);
        Assert.Equal("[null]",
            (await ChoiceAsync("""{"model":"forest","prompt":[5],"max_tokens":0,"echo":true,"logprobs":1}""")).GetProperty("logprobs")
            .GetProperty("token_logprobs").GetRawText());
    }

    [Theory]
    [InlineData("")]
    [InlineData(",\"logprobs\":1")]
    public async Task A_prompt_that_is_only_read_may_fill_the_context(string more)
    {
        string Body(int tokens,
            int answer) => $"{{\"model\":\"forest\",\"prompt\":[{string.Join(',', Enumerable.Repeat(7, tokens))}],\"max_tokens\":{answer},\"echo\":true{more}}}";
        using var full = await PostAsync(Body(64, 0));
        var usage = (await Json(full)).GetProperty("usage");
        Assert.Equal((64, 0, 64), (usage.GetProperty("prompt_tokens").GetInt32(), usage.GetProperty("completion_tokens").GetInt32(),
            usage.GetProperty("total_tokens").GetInt32()));
        foreach (var body in new[] { Body(65, 0), Body(64, 1) })
        {
            using var refused = await PostAsync(body);
            Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
            Assert.Equal("context_length_exceeded", (await Json(refused)).GetProperty("error").GetProperty("code").GetString());
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(5)]
    public async Task Every_token_but_the_first_has_its_alternatives_and_itself_among_them(int count)
    {
        var logProbs =
            (await ChoiceAsync($"{{\"model\":\"forest\",\"prompt\":{JsonSerializer.Serialize(_server.Tokenizer.Encode("Grüße 😀 für the dog"))},\"max_tokens\":3,\"echo\":true,\"logprobs\":{count}}}"))
            .GetProperty("logprobs");
        var (tokens, own, top) = (List(logProbs, "tokens"), List(logProbs, "token_logprobs"), List(logProbs, "top_logprobs"));
        Assert.Equal(JsonValueKind.Null, top[0].ValueKind);
        for (var i = 1; i < tokens.Length; i++)
        {
            Assert.InRange(top[i].EnumerateObject().Count(), Math.Max(1, count), count + 1);
            Assert.Equal(own[i].GetDouble(), top[i].GetProperty(tokens[i].GetString()!).GetDouble());
        }
    }

    [Fact]
    public async Task Parts_of_a_character_have_names_of_their_own_and_the_place_of_the_character()
    {
        const string Prompt = "Grüße 😀 für";
        var choice = await ChoiceAsync(JsonSerializer.Serialize(new
        {
            model = "forest",
            prompt = Prompt,
            max_tokens = 0,
            echo = true,
            logprobs = 1
        }));
        Assert.Equal(Prompt, choice.GetProperty("text").GetString());
        var (tokens, offsets) = (List(choice.GetProperty("logprobs"), "tokens"), List(choice.GetProperty("logprobs"), "text_offset"));
        Assert.Equal(["bytes:\\xf0", "bytes:\\x9f", "bytes:\\x98", "bytes:\\x80"],
            tokens.Select(token => token.GetString()!).SkipWhile(token => token != "bytes:\\xf0").Take(4));
        var emoji = Array.FindIndex(tokens, token => token.GetString() == "bytes:\\xf0");
        Assert.Equal([6, 6, 6, 6, 7], offsets[emoji..(emoji + 5)].Select(offset => offset.GetInt32()));
    }

    [Fact]
    public async Task A_stream_says_the_same_as_a_whole_answer()
    {
        var body = $"{{\"model\":\"forest:top_k=2\",\"prompt\":{JsonSerializer.Serialize(_server.Tokenizer.Encode("für the 😀"))},\"max_tokens\":4,\"echo\":true,\"logprobs\":2}}";
        var whole = await ChoiceAsync(body);
        using var response = await PostAsync(body.Replace("\"echo\"", "\"stream\":true,\"echo\"", StringComparison.Ordinal));
        var chunks = (await response.Content.ReadAsStringAsync()).Split("\n\n")
            .Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
            .Select(line => JsonDocument.Parse(line[6..]).RootElement.GetProperty("choices")[0]).ToArray();
        Assert.Equal(whole.GetProperty("text").GetString(), string.Concat(chunks.Select(chunk => chunk.GetProperty("text").GetString())));
        foreach (var list in new[] { "tokens", "token_logprobs", "top_logprobs", "text_offset" })
        {
            var streamed = chunks.Select(chunk => chunk.GetProperty("logprobs")).Where(part => part.ValueKind != JsonValueKind.Null)
                .SelectMany(part => List(part, list));
            Assert.Equal(List(whole.GetProperty("logprobs"), list).Select(value => value.GetRawText()),
                streamed.Select(value => value.GetRawText()));
        }
    }

    [Fact]
    public async Task Answers_name_the_model_in_its_usual_form()
    {
        using var response =
            await PostAsync($"{{\"model\":\"forest:top_k={new string('0', 400)}1\",\"prompt\":\"the\",\"max_tokens\":3,\"stream\":true}}");
        var text = await response.Content.ReadAsStringAsync();
        Assert.Contains("\"model\":\"forest:top_k=1\"", text, StringComparison.Ordinal);
        Assert.DoesNotContain("00001", text, StringComparison.Ordinal);
    }

    private static JsonElement[] List(JsonElement of, string name) => [.. of.GetProperty(name).EnumerateArray()];

    private static async Task<JsonElement> Json(HttpResponseMessage response) => await response.Content.ReadFromJsonAsync<JsonElement>();

    private Task<HttpResponseMessage> PostAsync(string body) =>
        _server.Http.PostAsync("/v1/completions", new StringContent(body, Encoding.UTF8, "application/json"));

    private async Task<JsonElement> ChoiceAsync(string body)
    {
        using var response = await PostAsync(body);
        response.EnsureSuccessStatusCode();
        return (await Json(response)).GetProperty("choices")[0];
    }
}
