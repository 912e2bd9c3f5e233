using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http.Messages;

/// <summary><c>/v1/messages</c> in Anthropic's form.</summary>
public sealed class MessagesTests : IAsyncLifetime
{
    private const string Path = "/v1/messages";
    private const string Hi = "\"model\":\"forest\",\"max_tokens\":50,\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Weather = """
        "tools":[{"name":"weather","description":"Of today.","input_schema":{"type":"object","properties":{"city":{"type":"string"}}},
        "cache_control":{"type":"ephemeral"}}]
        """;
    private const string Call = "{\"name\": \"weather\", \"arguments\": {\"city\": \"Berne\"}}";
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartForChatsAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_whole_answer_has_the_form()
    {
        var answer = await _server.AnswerAsync(Path, $"{{{Hi},\"system\":[{{\"type\":\"text\",\"text\":\"be brief\"}}],\"top_k\":7,"
            + "\"top_p\":0.9,\"temperature\":0.5,\"seed\":3,\"metadata\":{\"user_id\":\"u\"},\"include_experts\":true}");
        Assert.Equal(("message", "assistant", "forest", "end_turn"),
            (answer.Text("type"), answer.Text("role"), answer.Text("model"), answer.Text("stop_reason")));
        Assert.Equal(JsonValueKind.Null, answer.GetProperty("stop_sequence").ValueKind);
        Assert.Equal($"[{{\"type\":\"text\",\"text\":\"{FakeEngine.Completion}\"}}]", answer.GetProperty("content").GetRawText());
        var usage = answer.GetProperty("usage");
        var tokens = usage.GetProperty("output_tokens").GetInt32();
        Assert.Equal(tokens, usage.GetProperty("expert_steps").GetProperty("novels").GetInt32());
        Assert.Equal((0, 0), (usage.GetProperty("cache_read_input_tokens").GetInt32(),
            usage.GetProperty("cache_creation_input_tokens").GetInt32()));
        Assert.Equal(tokens, answer.GetProperty("experts").GetProperty("posterior").GetArrayLength());
        var asked = _server.Engine.LastGeneration!;
        Assert.Equal("System: be brief\n\nUser: hi\n\nAssistant:", _server.Tokenizer.Decode(asked.Prompt));
        Assert.Equal((7, 0.9, 0.5, 3L, 50), (asked.Sampling.TopK, asked.Sampling.TopP, asked.Sampling.Temperature, asked.Sampling.Seed,
            asked.MaxTokens));
        var counted = await _server.AnswerAsync($"{Path}/count_tokens",
            "{\"model\":\"forest\",\"system\":\"be brief\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}");
        Assert.Equal(asked.Prompt.Length, counted.GetProperty("input_tokens").GetInt32());
        Assert.Equal(asked.Prompt.Length, usage.GetProperty("input_tokens").GetInt32());
    }

    [Fact]
    public async Task A_stream_has_every_event_in_order()
    {
        var events = await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true,\"include_experts\":true}}");
        string[] types = [.. events.Select(e => e.Text("type")!)];
        Assert.Equal(["message_start", "ping", "content_block_start"], types[..3]);
        Assert.Equal(["content_block_stop", "message_delta", "message_stop"], types[^3..]);
        Assert.All(types[3..^3], type => Assert.Equal("content_block_delta", type));
        Assert.Equal("[]", events[0].GetProperty("message").GetProperty("content").GetRawText());
        Assert.True(events[0].GetProperty("message").GetProperty("usage").GetProperty("input_tokens").GetInt32() > 0);
        Assert.Equal(FakeEngine.Completion, string.Concat(events[3..^3].Select(e => e.Text("delta", "text"))));
        Assert.All(events[3..^3], e => Assert.Equal(1, e.GetProperty("experts").GetProperty("posterior").GetArrayLength()));
        Assert.Equal("""{"stop_reason":"end_turn","stop_sequence":null}""", events[^2].GetProperty("delta").GetRawText());
        Assert.Equal(events.Length - 6, events[^2].GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public async Task Why_it_stopped_is_told()
    {
        _server.Engine.StoppedBy = "END";
        var stopped = await _server.AnswerAsync(Path, $"{{{Hi},\"stop_sequences\":[\"x\",\"END\"]}}");
        Assert.Equal(("stop_sequence", "END"), (stopped.Text("stop_reason"), stopped.Text("stop_sequence")));
        Assert.Equal(["x", "END", "\nUser:", "\nSystem:"], _server.Engine.LastGeneration!.Stop);
        _server.Engine.StoppedBy = "\nUser:"; // the plain form's own
        Assert.Equal("end_turn", (await _server.AnswerAsync(Path, $"{{{Hi},\"stop_sequences\":[\"END\"]}}")).Text("stop_reason"));
        _server.Engine.StoppedBy = null;
        Assert.Equal("max_tokens", (await _server.AnswerAsync(Path, $"{{{Hi.Replace("50", "2")}}}")).Text("stop_reason"));
    }

    [Fact]
    public async Task A_call_is_a_block_whose_input_is_an_object()
    {
        _server.Engine.Says = Call;
        foreach (var choice in new[] { "{\"type\":\"any\"}", "{\"type\":\"tool\",\"name\":\"weather\"}" })
        {
            var forced = await _server.AnswerAsync(Path, $"{{{Hi},{Weather},\"tool_choice\":{choice}}}");
            Assert.Equal("tool_use", forced.Text("stop_reason"));
            var block = Assert.Single(forced.GetProperty("content").EnumerateArray());
            Assert.Equal(("tool_use", "weather", "Berne"), (block.Text("type"), block.Text("name"), block.Text("input", "city")));
            Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
        }

        var events = await _server.EventsAsync(Path, $"{{{Hi},{Weather},\"stream\":true}}");
        Assert.Equal(["message_start", "ping", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
            "message_stop"], events.Select(e => e.Text("type")));
        Assert.Equal("{}", events[2].GetProperty("content_block").GetProperty("input").GetRawText());
        Assert.Equal(("input_json_delta", """{"city": "Berne"}"""),
            (events[3].Text("delta", "type"), events[3].Text("delta", "partial_json")));
        var none = await _server.AnswerAsync(Path, $"{{{Hi},{Weather},\"tool_choice\":{{\"type\":\"none\"}}}}");
        Assert.Equal(("text", "end_turn"), (none.GetProperty("content")[0].Text("type"), none.Text("stop_reason")));
        _server.Engine.Says = string.Concat(Enumerable.Repeat($"<tool_call>{Call}</tool_call>", 2));
        var many = await _server.AnswerAsync(Path, $"{{{Hi.Replace("50", "1000")},{Weather}}}");
        Assert.Equal(2, many.GetProperty("content").GetArrayLength());
        var one = await _server.AnswerAsync(Path,
            $"{{{Hi.Replace("50", "1000")},{Weather},\"tool_choice\":{{\"type\":\"auto\",\"disable_parallel_tool_use\":true}}}}");
        Assert.Equal(1, one.GetProperty("content").GetArrayLength());
    }

    [Fact]
    public async Task A_format_is_a_grammar()
    {
        await _server.AnswerAsync(Path,
            $"{{{Hi},\"output_config\":{{\"format\":{{\"type\":\"json_schema\",\"schema\":{{\"type\":\"integer\"}}}}}}}}");
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
    }

    [Fact]
    public async Task Blocks_become_messages_and_results_come_before_what_the_user_says()
    {
        await _server.AnswerAsync(Path, """
            {"model":"forest","max_tokens":5,"system":"be brief","messages":[{"role":"user","content":[{"type":"text","text":"what "},
            {"type":"text","text":"time?","cache_control":{"type":"ephemeral"}}]},
            {"role":"assistant","content":[{"type":"text","text":"I look."},{"type":"tool_use","id":"t1","name":"time","input":{"a":1}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t1","content":[{"type":"text","text":"noon"}],"is_error":false},
            {"type":"text","text":"and?"}]}]}
            """);
        Assert.Equal("System: be brief\n\nUser: what time?\n\nAssistant: I look.\n{\"name\": \"time\", \"arguments\": {\"a\":1}}"
            + "\n\nTool: noon\n\nUser: and?\n\nAssistant:", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt));
    }

    [Theory]
    [InlineData("\"messages\":[{\"role\":\"user\",\"content\":\"a\"}]", "max_tokens is missing")]
    [InlineData("\"max_tokens\":5", "messages is missing")]
    [InlineData("\"max_tokens\":5,\"messages\":[]", "messages is empty")]
    [InlineData("\"max_tokens\":5,\"messages\":[null]", "messages[0] is null")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"system\",\"content\":\"a\"}]", "messages[0].role is \"system\"")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[]}]", "messages[0].content is empty")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"image\",\"source\":{}}]}]", "type \"image\"")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"text\"}]}]", "content[0].text is missing")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_use\"}]}]", "role user cannot have")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":[{\"type\":\"tool_result\"}]}]", "tool_use_id is missing")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"assistant\",\"content\":[{\"type\":\"tool_use\",\"id\":\"1\",\"name\":\"f\","
        + "\"input\":[]}]}]", "messages[0].content[0].input is []; expected an object")]
    [InlineData("\"max_tokens\":5,\"messages\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"assistant\",\"content\":\"b\"}]",
        "ends with the assistant")]
    [InlineData(Hi + ",\"temperature\":-1", "temperature is -1")]
    [InlineData(Hi + ",\"stop_sequences\":[\"\"]", "stop_sequences has an empty string")]
    [InlineData(Hi + ",\"thinking\":{\"type\":\"enabled\",\"budget_tokens\":5}", "thinking.budget_tokens")]
    [InlineData(Hi + ",\"thinking\":{\"type\":\"adaptive\"}", "thinking is not there")]
    [InlineData(Hi + ",\"output_config\":{\"format\":{\"type\":\"json_schema\"}}", "output_config.format.schema is missing")]
    [InlineData(Hi + ",\"output_config\":{\"format\":{\"type\":\"text\",\"schema\":{}}}", "output_config.format is for type json_schema")]
    [InlineData(Hi + ",\"n\":2", "unknown field \"n\"")]
    [InlineData(Hi + ",\"tools\":[{\"type\":\"bash_20250124\",\"name\":\"bash\"}]", "tools[0].type is \"bash_20250124\"")]
    [InlineData(Hi + ",\"tools\":[{\"name\":\"f\"}]", "tools[0].input_schema is missing")]
    [InlineData(Hi + ",\"tools\":[null]", "tools[0] is null")]
    [InlineData(Hi + ",\"tool_choice\":{\"type\":\"any\"}", "tool_choice is given without tools")]
    [InlineData(Hi + ",\"tool_choice\":{\"type\":\"some\"}", "use auto, any, tool or none")]
    [InlineData(Hi + ",\"tool_choice\":\"auto\"", "tool_choice is not an object")]
    public async Task What_cannot_be_is_refused_in_Anthropics_form(string fields, string message)
    {
        if (!fields.StartsWith("\"model\"", StringComparison.Ordinal)) fields = $"\"model\":\"forest\",{fields}";
        using var response = await _server.SendAsync(Path, $"{{{fields}}}");
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.Equal((HttpStatusCode.BadRequest, "error", "invalid_request_error"),
            (response.StatusCode, body.Text("type"), body.Text("error", "type")));
        Assert.Contains(message, body.Text("error", "message"), StringComparison.Ordinal);
        Assert.Equal(response.Headers.GetValues("request-id").Single(), body.Text("request_id"));
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Fact]
    public async Task Each_status_has_its_type()
    {
        Assert.Equal((404, "not_found_error"), await TypeAsync(Hi.Replace("forest", "expert:nobody")));
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Busy, "full");
        Assert.Equal((503, "overloaded_error"), await TypeAsync(Hi));
        _server.Engine.Refusal = new Engine.RequestRejectedException(new Engine.RequestProblem(null, "a quota", Model.ErrorKind.Busy,
            "rate_limit_exceeded"));
        Assert.Equal((429, "rate_limit_error"), await TypeAsync(Hi));
        _server.Engine.Refusal = new Engine.RequestRejectedException(Model.ErrorKind.Unavailable, "closing");
        Assert.Equal((503, "overloaded_error"), await TypeAsync(Hi));
        _server.Engine.Refusal = new InvalidOperationException("a secret");
        Assert.Equal((500, "api_error"), await TypeAsync(Hi));
        _server.Engine.Refusal = null;
        Assert.Equal((413, "request_too_large"), await TypeAsync($"{Hi},\"system\":\"{new string('a', 70_000)}\""));
        _server.Engine.Failure = new InvalidOperationException("a secret");
        var failed = (await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true}}"))[^1];
        Assert.Equal(("error", "api_error"), (failed.Text("type"), failed.Text("error", "type")));
        _server.Engine.Failure = null;
        _server.Engine.Ending = (Engine.Requests.FinishReason.Aborted, "python left");
        var ended = (await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true}}"))[^1];
        Assert.Equal(("error", "python left"), (ended.Text("type"), ended.Text("error", "message")));
        using var files = new KeyFiles();
        var observer = files.Add("observe");
        await using var closed = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        var (status, error) = await closed.RefusalAsync(Path, $"{{{Hi}}}");
        Assert.Equal((401, "authentication_error"), (status, error.Text("type")));
        closed.Http.DefaultRequestHeaders.Add("x-api-key", observer);
        (status, error) = await closed.RefusalAsync(Path, $"{{{Hi}}}");
        Assert.Equal((403, "permission_error"), (status, error.Text("type")));
    }

    private async Task<(int, string?)> TypeAsync(string fields)
    {
        var (status, error) = await _server.RefusalAsync(Path, $"{{{fields}}}");
        return (status, error.Text("type"));
    }
}
