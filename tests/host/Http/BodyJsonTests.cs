using System.Text;
using System.Text.Json;
using Btx.Engine;
using Btx.Server.Http;
using Btx.Server.Requests;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>Whatever bytes come, they are a request, no JSON, or refused in one bounded line.</summary>
public sealed class BodyJsonTests
{
    private const string Valid =
        """{"model":"forest:top_k=2,prior=python","prompt":["Grüße 😀"],"max_tokens":5,"temperature":0.5,"top_k":3,"seed":7,"stop":["a","b"],"logprobs":2,"echo":true,"stream":true,"stream_options":{"include_usage":true},"user":"u","n":1}""";

    private const string ValidChat =
        """
        {"model":"forest","messages":[{"role":"system","content":[{"type":"text","text":"Grüße 😀"}]},
        {"role":"user","content":"a","name":"b"},{"role":"assistant","content":null,
        "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":[1,{}]}"}}]},
        {"role":"tool","tool_call_id":"1","content":"c"}],"tools":[{"type":"function","function":{"name":"f","description":"d",
        "parameters":{"type":"object","properties":{"a":{"type":"string"}}},"strict":true}}],"tool_choice":"auto",
        "parallel_tool_calls":false,"response_format":{"type":"json_object"},"logit_bias":{"5":-1},"stop_token_ids":[1],
        "routing":{"mode":"top_k","k":2},"n":2,"logprobs":true,"top_logprobs":3,"max_completion_tokens":4,"stream":true}
        """;

    private const string ValidResponse =
        """
        {"model":"forest","instructions":"Grüße 😀","input":[{"role":"user","content":[{"type":"input_text","text":"a"}]},
        {"type":"function_call","call_id":"c","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c","output":"b"}],
        "tools":[{"type":"function","name":"f","parameters":{"type":"object"}}],"tool_choice":"auto","text":{"format":{"type":"text"}},
        "include":["message.output_text.logprobs"],"top_logprobs":2,"metadata":{"a":"b"},"stream":true,
        "stream_options":{"include_obfuscation":true},"max_output_tokens":5,"routing":{"mode":"top_k","k":2}}
        """;

    private const string ValidMessages =
        """
        {"model":"forest","max_tokens":5,"system":[{"type":"text","text":"Grüße 😀"}],"messages":[{"role":"user","content":"a"},
        {"role":"assistant","content":[{"type":"text","text":"b"},{"type":"tool_use","id":"c","name":"f","input":{"a":[1]}}]},
        {"role":"user","content":[{"type":"tool_result","tool_use_id":"c","content":"d","is_error":true}]}],
        "tools":[{"name":"f","input_schema":{"type":"object"}}],"tool_choice":{"type":"auto"},"stop_sequences":["x"],"top_k":3}
        """;

    private static readonly ForestDescription Forest = new FakeEngine(RunningServer.SomeTokenizer).Forest;

    [Theory]
    [InlineData(Valid, 20_000)]
    [InlineData(ValidChat, 10_000)]
    [InlineData(ValidResponse, 10_000)]
    [InlineData(ValidMessages, 10_000)]
    public async Task Damaged_bodies(string valid, int rounds)
    {
        var random = new Random(3);
        byte[][] parts = [.. new[] { "null", "-1", "1e999", "\"\\ud800\"", "[]", "{}", "{\"n\":1,", "\"model\":", "true",
            "99999999999999999999", "\"\\u0000\"", "\"prompt\":[1,", "\r\n" }.Select(Encoding.UTF8.GetBytes), [0xff], [0xc3], [0]];
        var read = 0;
        for (var round = 0; round < rounds; round++)
        {
            var body = Encoding.UTF8.GetBytes(valid).ToList();
            for (var change = random.Next(1, 4); change > 0; change--)
            {
                var at = random.Next(body.Count);
                if (random.Next(2) == 0) body.RemoveRange(at, Math.Min(random.Next(1, 12), body.Count - at));
                if (random.Next(2) == 0) body.InsertRange(Math.Min(at, body.Count), parts[random.Next(parts.Length)]);
                if (body.Count == 0) break;
            }

            read += await ReadAsync([.. body]) is null ? 0 : 1;
        }

        Assert.InRange(read, 100, rounds - 100);
        Assert.NotNull(await ReadAsync(Encoding.UTF8.GetBytes(valid)));
    }

    [Theory]
    [InlineData(Valid)]
    [InlineData(ValidChat)]
    [InlineData(ValidResponse)]
    [InlineData(ValidMessages)]
    public async Task Values_of_every_other_kind(string body)
    {
        using var valid = JsonDocument.Parse(body);
        foreach (var field in valid.RootElement.EnumerateObject())
        {
            foreach (var value in new[] { "null", "true", "3", "-3", "0.5", "1e999", "\"x\"", "\"\\ud800\"", "[]", "[null]", "[[1],2]",
                "{}", "{\"a\":1}", $"\"{new string('x', 100_000)}\"", $"[{string.Join(',', Enumerable.Repeat("\"y\"", 50))}]" })
            {
                var fields = valid.RootElement.EnumerateObject().Select(other =>
                    $"\"{other.Name}\":{(other.Name == field.Name ? value : other.Value.GetRawText())}");
                body = $"{{{string.Join(',', fields)}}}";
                await ReadAsync(Encoding.UTF8.GetBytes(body));
            }
        }
    }

    [Theory]
    [InlineData("""{"model":"forest","prompt":"a","metadata":{"a":[1]},"store":true,"service_tier":"auto"}""", null)]
    [InlineData("""{"model":"forest","prompt":"a","prompt_cache_key":"k","prompt_cache_retention":"24h","safety_identifier":"s"}""", null)]
    [InlineData("""{"model":"forest","prompt":"a","tools":[]}""", "unknown field \"tools\"")]
    [InlineData("""{"model":"forest","prompt":"a","stream_options":{"store":true}}""", "unknown field \"stream_options.store\"")]
    [InlineData("""{"model":"forest","prompt":"a","temperature":[1,2]}""", "temperature is [1,2]; expected a finite number")]
    [InlineData("""{"model":"forest","prompt":"a","stream_options":3}""", "stream_options is not an object")]
    [InlineData("""{"model":"forest","prompt":{"a":1}}""", "prompt is {\"a\":1}; expected a string or an array")]
    [InlineData("""{"model":"forest","prompt":"a","stop":[1]}""", "stop is 1; expected a string")]
    [InlineData("""{"model":"forest","prompt":"a","metadata":1,"metadata":2}""", "metadata is given twice")]
    [InlineData("""{"model":"forest","prompt":"a","tools":1,"tools":2}""", "tools is given twice")]
    [InlineData("""{"model":"forest","prompt":"a","tools":{"a":{"b":1,"b":2}}}""", "tools.a.b is given twice")]
    [InlineData("""{"model":"forest","prompt":["a",{"b":1,"b":2}]}""", "prompt[1].b is given twice")]
    [InlineData("""{"model":"forest","prompt":[[1],[2,[{"a":[],"b":[{"c":1,"c":2}]}]]]}""", "prompt[1][1][0].b[0].c is given twice")]
    [InlineData("""{"model":"forest","prompt":"a","max_tokens":1,"max\u005ftokens":2}""", "max_tokens is given twice")]
    [InlineData("""{"model":"forest","prompt":"a","metadata":{"a":1,"a":2,"\ud800":3}}""", null)]
    public async Task Fields_that_change_nothing_are_ignored_and_others_refused_by_name(string body, string? refusal)
    {
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(body));
        var reading = BodyJson.ReadAsync(stream, BodyJson.Requests.CompletionBody, TestContext.Current.CancellationToken);
        var failure = await Record.ExceptionAsync(async () => (await reading).ToRequest(Forest));
        Assert.Equal(refusal is null, failure is null);
        if (failure is null) return;
        Assert.Contains(refusal!, Assert.IsType<RequestRejectedException>(failure).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_long_name_costs_its_length_and_not_that_for_each_field_within()
    {
        var fields = string.Join(',', Enumerable.Range(0, 200_000).Select(i => $"\"a{i}\":0")); // paths of all would take 400 GB
        var body = $"{{\"model\":\"forest\",\"prompt\":\"a\",\"{new string('A', 1_000_000)}\":{{{fields}}}}}";
        using var stream = new MemoryStream(Encoding.UTF8.GetBytes(body));
        var read = await BodyJson.ReadAsync(stream, BodyJson.Requests.CompletionBody, TestContext.Current.CancellationToken);
        Assert.Contains("unknown field \"AAA", Assert.Throws<RequestRejectedException>(() => read.ToRequest(Forest)).Message,
            StringComparison.Ordinal);
    }

    /// <summary>The request that a body is, of a completion, or where it has the words of one, of another form; null: it is
    /// refused.</summary>
    private static async Task<object?> ReadAsync(byte[] body)
    {
        try
        {
            using var stream = new MemoryStream(body);
            if (body.AsSpan().IndexOf("\"input\":"u8) is >= 0 and < 100)
            {
                var (asked, items) = (await BodyJson.ReadAsync(stream, BodyJson.Requests.ResponseBody,
                    TestContext.Current.CancellationToken)).ToChat();
                return asked.ToRequest(Forest, [], items);
            }

            if (body.AsSpan().IndexOf("input_schema"u8) >= 0)
            {
                var (asked, turns) = (await BodyJson.ReadAsync(stream, BodyJson.Requests.MessagesBody,
                    TestContext.Current.CancellationToken)).ToChat();
                return asked.ToRequest(Forest, [], turns);
            }

            if (body.AsSpan().IndexOf("messages"u8) < 0)
                return (await BodyJson.ReadAsync(stream, BodyJson.Requests.CompletionBody, TestContext.Current.CancellationToken))
                    .ToRequest(Forest);
            var chat = await BodyJson.ReadAsync(stream, BodyJson.Requests.ChatBody, TestContext.Current.CancellationToken);
            return chat.ToRequest(Forest, []);
        }
        catch (JsonException)
        {
            return null;
        }
        catch (RequestRejectedException e)
        {
            var rejection = Rejection.Of(e)!;
            Assert.InRange(rejection.Message.Length, 1, 801);
            Assert.InRange(rejection.Parameter!.Length, 0, 101);
            Assert.DoesNotContain(rejection.Message + rejection.Parameter, char.IsControl);
            return null;
        }
    }
}
