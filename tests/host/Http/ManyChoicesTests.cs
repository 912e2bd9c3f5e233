using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>Several prompts, <c>n</c> and <c>best_of</c> of <c>/v1/completions</c>.</summary>
public sealed class ManyChoicesTests : IAsyncLifetime
{
    private static readonly (string Fields, string Message)[] s_refused =
    [
        ("\"prompt\":\"a\",\"n\":0", "n is 0; expected 1..128"),
        ("\"prompt\":\"a\",\"n\":-3", "n is -3"),
        ("\"prompt\":\"a\",\"n\":1e400", "n is 1e400; expected a whole number"),
        ("\"prompt\":\"a\",\"n\":9223372036854775808", "expected a whole number of at most 32 bits"),
        ("\"prompt\":\"a\",\"seed\":9223372036854775808", "expected a whole number of at most 64 bits"),
        ("\"prompt\":\"a\",\"temperature\":NaN", "not valid JSON"),
        ("\"prompt\":\"a\",\"best_of\":129", "best_of asks for 129 answers; at most 128 are taken"),
        ("\"prompt\":\"a\",\"best_of\":1,\"n\":2", "best_of is 1; expected n or more"),
        ("\"prompt\":\"a\",\"best_of\":3,\"stream\":true", "leave out stream"),
        ("\"prompt\":[\"a\",\"b\",\"c\"],\"n\":100", "prompt asks for 300 answers"),
        ("\"prompt\":\"a\",\"n\":128,\"max_tokens\":9000", "n asks for 128 answers of up to 9000 tokens"),
        ("\"prompt\":[\"a\",1]", "prompt is 1; expected a string"),
        ("\"prompt\":[\"a\",\"\"]", "prompt is empty"),
        ("\"prompt\":[[1],[99999]]", "prompt token 0 is 99999"),
        ("\"prompt\":\"a\",\"metadata\":{DEEP}", "not valid JSON"),
    ];

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Every_prompt_has_n_choices_whose_index_goes_on_from_prompt_to_prompt()
    {
        var body = await PostAsync("""{"model":"forest","prompt":["the fox","the dog"],"n":2,"max_tokens":3,"seed":7,"echo":true}""");
        var choices = body.GetProperty("choices").EnumerateArray().ToArray();
        Assert.Equal([0, 1, 2, 3], choices.Select(choice => choice.GetProperty("index").GetInt32()));
        Assert.Equal(["the fox", "the fox", "the dog", "the dog"], choices.Select(choice => choice.GetProperty("text").GetString()![..7]));
        Assert.Equal([7, 8, 7, 8], _server.Engine.Generations.Select(generation => generation.Sampling.Seed));
        var usage = body.GetProperty("usage");
        Assert.Equal(12, usage.GetProperty("completion_tokens").GetInt32());
        Assert.Equal(12, usage.GetProperty("expert_steps").GetProperty("novels").GetInt32());
        var prompts = _server.Engine.Generations.Select(generation => generation.Prompt).Chunk(2).Sum(of => of[0].Length);
        Assert.Equal(prompts, usage.GetProperty("prompt_tokens").GetInt32()); // each once
    }

    [Fact]
    public async Task Token_prompts_come_in_lists()
    {
        await PostAsync("""{"model":"forest","prompt":[[5,6],[7]],"max_tokens":1}""");
        Assert.Equal([[5, 6], [7]], _server.Engine.Generations.Select(generation => generation.Prompt));
    }

    [Fact]
    public async Task A_stream_has_the_same_choices()
    {
        var text = await (await SendAsync("""{"model":"forest","prompt":["a","b"],"n":2,"stream":true}""")).Content.ReadAsStringAsync();
        var chunks = text.Split("\n\n").Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
            .Select(line => JsonDocument.Parse(line[6..]).RootElement.GetProperty("choices")[0]);
        var choices = chunks.GroupBy(choice => choice.GetProperty("index").GetInt32()).ToDictionary(of => of.Key,
            of => string.Concat(of.Select(choice => choice.GetProperty("text").GetString())));
        Assert.Equal([0, 1, 2, 3], choices.Keys.Order());
        Assert.Single(choices.Values.Distinct());
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Best_of_gives_the_most_probable()
    {
        _server.Engine.LogProbOf = request => request.Sampling.Seed == 12 ? -0.1 : -3;
        var body = await PostAsync("""{"model":"forest","prompt":"the","n":1,"best_of":4,"max_tokens":2,"seed":10,"logprobs":0}""");
        var choice = Assert.Single(body.GetProperty("choices").EnumerateArray());
        Assert.Equal(-0.1, choice.GetProperty("logprobs").GetProperty("token_logprobs")[0].GetDouble());
        Assert.Equal(0, choice.GetProperty("index").GetInt32());
        Assert.Equal(8, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
    }

    [Fact]
    public async Task What_cannot_be_is_refused_by_name_before_any_work()
    {
        foreach (var (refused, message) in s_refused)
        {
            var fields = refused.Replace("DEEP", $"\"a\":{new string('[', 100)}{new string(']', 100)}", StringComparison.Ordinal);
            using var response = await SendAsync($"{{\"model\":\"forest\",{fields}}}");
            Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
            var error = (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error");
            Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        }

        Assert.Empty(_server.Engine.Generations);
    }

    [Fact]
    public async Task One_that_is_refused_ends_all()
    {
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Busy, "full");
        using var response = await SendAsync("""{"model":"forest","prompt":"the","n":3}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        _server.Engine.Refusal = null;
        _server.Engine.Failure = new InvalidOperationException("broken");
        using var broken = await SendAsync("""{"model":"forest","prompt":"the","n":3}""");
        Assert.Equal(HttpStatusCode.InternalServerError, broken.StatusCode);
        await Patience.UntilAsync(() => _server.Engine.Running == 0, "the end of all");
    }

    private Task<HttpResponseMessage> SendAsync(string body) =>
        _server.Http.PostAsync("/v1/completions", new StringContent(body, Encoding.UTF8, "application/json"));

    private async Task<JsonElement> PostAsync(string body)
    {
        using var response = await SendAsync(body);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer;
    }
}
