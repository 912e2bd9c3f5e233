using System.Text;
using System.Text.Json;
using Btx.Fixtures;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>Values that a program could compute with until it breaks: each is refused before any work, over both protocols.</summary>
[Collection(AttackedServer.Name)]
public sealed class ValueAttacks(AttackedServer server)
{
    private const string Chat = "/v1/chat/completions", Completions = "/v1/completions", Generate = "/btx.v1.Inference/Generate";

    private static readonly string[] s_reals = ["temperature", "top_p", "min_p", "repetition_penalty", "presence_penalty",
        "frequency_penalty"];

    private static readonly double[] s_extremes = [double.NaN, double.PositiveInfinity, double.NegativeInfinity, -double.Epsilon,
        double.MaxValue];

    private static readonly string[] s_integers = ["max_tokens", "n", "top_k", "min_tokens", "best_of", "logprobs"];

    /// <summary>NaN and infinity as temperature, or as any other number: CVE-2026-54235.</summary>
    [Fact]
    public Task A_temperature_that_is_no_number() => server.MeetAllAsync(
    [
        .. s_reals.SelectMany(field => new[] { "NaN", "Infinity", "-Infinity" }
            .Select(value => Post(Completions, field, value, "not valid JSON"))),
        .. s_reals.SelectMany(field => new[] { "\"NaN\"", "\"Infinity\"", "1e999", "-1e999", "-1e308", "[]", "{\"a\":1}" }
            .Select(value => Post(Completions, field, value, field))),
        Post(Completions, "logit_bias", "{\"5\":1e999}", "logit_bias"), Post(Completions, "logit_bias", "{\"5\":\"NaN\"}", "logit_bias"),
        Post(Chat, "temperature", "1e999", "temperature"), Post(Completions, "routing", "{\"mode\":\"top_p\",\"p\":1e999}", "routing"),
        .. s_extremes.SelectMany(value => new[]
        {
            Rpc("temperature", r => r.Sampling = new() { Temperature = value }), Rpc("top_p", r => r.Sampling = new() { TopP = value }),
            Rpc("min_p", r => r.Sampling = new() { MinP = value }),
            Rpc("repetition_penalty", r => r.Sampling = new() { RepetitionPenalty = value }),
            Rpc("p", r => r.Routing = new() { Mode = Mode.TopP, P = value }),
            Rpc("switching rate", r => r.Routing = new() { Posterior = PosteriorKind.Switching, SwitchingRate = value }),
        }),
        .. new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity, double.MaxValue }.SelectMany(value => new[]
        {
            Rpc("presence_penalty", r => r.Sampling = new() { PresencePenalty = value }),
            Rpc("frequency_penalty", r => r.Sampling = new() { FrequencyPenalty = value }),
            Rpc("logit_bias", r => r.Sampling = new() { LogitBias = { [5] = value } }),
        }),
    ]);

    /// <summary>Negative and huge integers, at the edges of 32 and 64 bits and beyond: CVE-2026-21869.</summary>
    [Fact]
    public Task Negative_and_huge_integers() => server.MeetAllAsync(
    [
        .. s_integers.SelectMany(field => new[] { "-1", "-2147483648", "2147483648", "4294967296", "-9223372036854775808",
            "9223372036854775808", "18446744073709551616", "1e30", "1.5", "\"1\"" }
            .Select(value => Post(Completions, field, value, field))),
        .. new[] { "9223372036854775808", "-9223372036854775809", "1e30", "0.5" }.Select(value => Post(Completions, "seed", value, "seed")),
        .. new[] { "[-1]", "[2147483648]", "[-9223372036854775808]", "[1e30]", "[1.5]", "[[5],[-1]]" }
            .Select(value => Post(Completions, "prompt", value, "prompt")),
        Post(Completions, "stop_token_ids", "[-1]", "stop_token_ids"), Post(Completions, "stop_token_ids", "[99999]", "stop_token_ids"),
        Post(Completions, "logit_bias", "{\"-1\":1}", "logit_bias"), Post(Completions, "logit_bias", "{\"99999999999\":1}", "logit_bias"),
        Post(Completions, "routing", "{\"mode\":\"top_k\",\"k\":-2147483648}", "k is"),
        Post(Chat, "max_completion_tokens", "-1", "max_completion_tokens is -1"),
        Post(Chat, "top_logprobs", "9223372036854775808", "top_logprobs"),
        Post(Completions, "seed", "-9223372036854775808", "text_completion", 200), // is a seed as good as any
        .. new[] { int.MinValue, -1, int.MaxValue }.SelectMany(value => new[]
        {
            Rpc("max_tokens", r => r.MaxTokens = value), Rpc("logprobs", r => r.TopLogprobs = value),
            Rpc("min_tokens", r => r.Sampling = new() { MinTokens = value }),
            Rpc("k", r => r.Routing = new() { Mode = Mode.TopK, K = value }),
            Rpc("prompt token", r => r.Prompt = new() { Tokens = new() { Ids = { value } } }),
            Rpc("token", r => r.Sampling = new() { StopTokenIds = { value } }),
            Attack.Rpc("stride", "/btx.v1.Inference/Score", new ScoreRequest { Text = new() { Text = "the cat" }, Stride = value },
                StatusCode.InvalidArgument, "stride"),
        }),
        Rpc("top_k", r => r.Sampling = new() { TopK = int.MinValue }),
        Rpc("probe tokens", r => r.Routing = new() { Mode = Mode.TopK, Router = ExpertRouter.Probe, ProbeTokens = int.MinValue }),
        Rpc("re-route interval", r => r.Routing = new() { Mode = Mode.TopK, RerouteInterval = int.MinValue }),
    ]);

    /// <summary>Unbounded n (CVE-2026-34756), and prompts, or parts of a request, without number (CVE-2026-73559).</summary>
    [Fact]
    public Task Unbounded_n_and_prompt_fan_out() => server.MeetAllAsync(
    [
        Post(Completions, "n", "129", "n is 129"), Post(Chat, "n", "1000000", "n is 1000000"),
        Body(Completions, """{"model":"forest","prompt":"a","n":2,"best_of":100000}""", "best_of asks for 100000 answers"),
        Body(Completions, $$"""{"model":"forest","prompt":[{{Many("\"a\"", 200_000)}}]}""", "asks for 200000 answers"),
        Body(Completions, $$"""{"model":"forest","prompt":[{{Many("[5]", 100_000)}}],"n":128}""", "asks for 12800000 answers"),
        Body(Completions, $$"""{"model":"forest","prompt":[{{Many("[5]", 2)}}],"n":65}""", "asks for 130 answers"),
        Body(Completions, $$"""{"model":"forest","prompt":"a","stop":[{{Many("\"a\"", 200_000)}}]}""", "stop has 200000 strings"),
        Body(Completions, $$"""{"model":"forest","prompt":"a","stop_token_ids":[{{Many("5", 200_000)}}]}""", "stop_token_ids"),
        Post(Completions, "logit_bias", "{" + Numbered(200_000) + "}", "logit_bias"),
        Body(Chat, $$"""{"model":"forest","messages":[{{Many("""{"role":"user","content":"a"}""", 50_000)}}]}""", "50000 messages"),
        Body(Chat, $$"""{"model":"forest","messages":[{"role":"user","content":"a"}],"tools":[{{Many(
            """{"type":"function","function":{"name":"f"}}""", 50_000)}}]}""", "tools"),
        Rpc("stop has", r => r.Stop.AddRange(Enumerable.Repeat("a", 100_000))),
        Rpc("logit_bias", r => r.Sampling = new() { LogitBias = { Enumerable.Range(0, 100_000).ToDictionary(i => i, _ => 1.0) } }),
    ]);

    /// <summary>Regular-expression bombs (CVE-2025-48942) and schema bombs (CVE-2026-55574), several at a time: the others do not wait.
    /// </summary>
    [Fact]
    public Task Regular_expression_and_schema_bombs() => server.UnharmedAsync(async () =>
    {
        var branches = string.Join(',', Enumerable.Range(0, 2000).Select(i => $"{{\"const\":{i}}}"));
        var words = string.Join(',', Enumerable.Range(0, 9000).Select(i => $"\"{unchecked((uint)i * 2654435761):x8}{i}\""));
        string[] schemas =
        [
            .. new[] { "^(a+)+$", "^(a|a)*b$", "(.*a){25}", "^((a{1,200}){1,200}){1,200}$", "[ab]*a[ab]{30}", "(x+x+)+y", "(?=a)b",
                "(a)\\\\1", "(?<n>a)", "\\\\p{L}{1,999999}", "^(((((((((((a{9}){9}){9}){9}){9}){9}){9}){9}){9}){9}){9})$", "(", "a{2,1}" }
                .Select(pattern => $"{{\"type\":\"string\",\"pattern\":\"{pattern}\"}}"),
            $"{{\"oneOf\":[{branches}]}}", $"{{\"enum\":[{words}]}}", "{\"$ref\":\"#\"}", "{\"allOf\":[{\"$ref\":\"#\"}]}",
            "{\"$ref\":\"http://127.0.0.1/schema\"}", "{\"$ref\":\"file:///etc/passwd\"}",
            "{\"type\":\"array\",\"items\":{\"type\":\"array\",\"items\":{},\"minItems\":2147483647},\"minItems\":2147483647}",
            "{\"type\":\"string\",\"minLength\":2147483647}", "{\"type\":\"integer\",\"minimum\":1e999}",
            string.Concat(Enumerable.Repeat("{\"items\":", 5000)) + "{}" + new string('}', 5000),
        ];
        var answers = await Task.WhenAll(schemas.SelectMany(schema => new[]
        {
            Post(Completions, "response_format",
                $$$"""{"type":"json_schema","json_schema":{"name":"x","schema":{{{schema}}}}}""", ""),
            Post(Chat, "tool_choice", "\"required\",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\","
                + $"\"parameters\":{{\"type\":\"object\",\"properties\":{{\"x\":{schema}}}}}}}}}]", ""),
        }).Select(attack => attack.Send(server)));
        Assert.All(answers, answer => Assert.True(answer.Status is 200 or 400, $"{answer.Status}: {answer.Text}"));
        Assert.True(answers.Count(answer => answer.Status == 400) >= schemas.Length, "few were refused");
    });

    /// <summary>Special tokens spelt in text stay text in prompts as well: CVE-2026-44222. (In chats: ChatPromptTests.)</summary>
    [Fact]
    public Task Special_tokens_spelt_in_text() => server.UnharmedAsync(async () =>
    {
        const string End = TinyForest.EndOfText;
        foreach (var text in new[] { End, $"a{End}b", $"{End[..5]}{End}" })
        {
            using var body = new StringContent(JsonSerializer.Serialize(new { prompt = text, add_special_tokens = false }), Encoding.UTF8,
                "application/json");
            using var response = await server.Raw.PostAsync(new Uri(server.HttpUri, "/tokenize"), body,
                TestContext.Current.CancellationToken);
            var ids = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement
                .GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()).ToArray();
            Assert.DoesNotContain(256, ids); // <|endoftext|>
            Assert.True(ids.Length >= 5);
            var score = await server.Process.Inference.ScoreAsync(new() { Text = new() { Text = text } });
            Assert.Equal(ids, score.Tokens.TakeLast(ids.Length));
        }
    });

    private static Attack Post(string path, string field, string value, string says, int status = 400)
    {
        var prompt = path == Chat ? "\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]" : "\"prompt\":\"a\"";
        var fields = field == "prompt" ? $"\"prompt\":{value}" : $"{prompt},\"{field}\":{value}";
        return Body(path, $$"""{"model":"forest",{{fields}}}""", says, status, $"{field} = {value}");
    }

    private static Attack Body(string path, string body, string says, int status = 400, string? name = null)
    {
        var bytes = Encoding.UTF8.GetBytes(body);
        return Attack.Http(name ?? says, $"POST {path} HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\ncontent-length: "
            + $"{bytes.Length}\r\nconnection: close\r\n\r\n", bytes, status, says);
    }

    private static Attack Rpc(string says, Action<GenerateRequest> change)
    {
        var request = new GenerateRequest { Prompt = new() { Text = "the cat" }, MaxTokens = 4 };
        change(request);
        var name = $"{says}: {JsonSerializer.Serialize(request.ToString())[..60]}";
        return Attack.Rpc(name, Generate, request, StatusCode.InvalidArgument, says);
    }

    private static string Many(string one, int count) => string.Join(',', Enumerable.Repeat(one, count));

    private static string Numbered(int count) => string.Join(',', Enumerable.Range(0, count).Select(i => $"\"{i}\":1"));
}
