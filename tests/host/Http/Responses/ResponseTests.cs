using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http.Responses;

/// <summary><c>/v1/responses</c> in OpenAI's form.</summary>
public sealed class ResponseTests : IAsyncLifetime
{
    private const string Path = "/v1/responses";
    private const string Hi = "\"model\":\"forest\",\"input\":\"hi\"";
    private const string Weather = """
        "tools":[{"type":"function","name":"weather","strict":true,"parameters":{"type":"object","properties":{"city":{"type":"string"}}}}]
        """;
    private const string Call = "{\"name\": \"weather\", \"arguments\": {\"city\": \"Berne\"}}";
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartForChatsAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_whole_answer_repeats_what_was_asked_and_has_the_usage()
    {
        var answer = await _server.AnswerAsync(Path, $"{{{Hi},{Weather},\"instructions\":\"be brief\",\"store\":true,\"temperature\":0.5,"
            + "\"metadata\":{\"a\":\"b\"},\"max_output_tokens\":50,\"tool_choice\":\"none\"}");
        Assert.Equal(("response", "completed"), (answer.Text("object"), answer.Text("status")));
        Assert.False(answer.GetProperty("store").GetBoolean()); // nothing is
        Assert.Equal("""{"a":"b"}""", answer.GetProperty("metadata").GetRawText());
        Assert.Equal(("be brief", "none", 0.5, 50), (answer.Text("instructions"), answer.Text("tool_choice"),
            answer.GetProperty("temperature").GetDouble(), answer.GetProperty("max_output_tokens").GetInt32()));
        Assert.Equal("weather", answer.GetProperty("tools")[0].Text("name"));
        var item = Assert.Single(answer.GetProperty("output").EnumerateArray());
        Assert.Equal(("message", "completed", "assistant"), (item.Text("type"), item.Text("status"), item.Text("role")));
        Assert.Equal($"{{\"text\":\"{FakeEngine.Completion}\",\"logprobs\":[],\"type\":\"output_text\",\"annotations\":[]}}",
            item.GetProperty("content")[0].GetRawText());
        var usage = answer.GetProperty("usage");
        var tokens = usage.GetProperty("output_tokens").GetInt32();
        Assert.Equal(tokens, usage.GetProperty("expert_steps").GetProperty("novels").GetInt32());
        Assert.Equal(usage.GetProperty("input_tokens").GetInt32() + tokens, usage.GetProperty("total_tokens").GetInt32());
        Assert.Equal(0, usage.GetProperty("input_tokens_details").GetProperty("cached_tokens").GetInt32());
        Assert.Equal("System: be brief\n\nUser: hi\n\nAssistant:", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt));
    }

    [Fact]
    public async Task A_stream_has_every_event_in_order_and_ends_with_the_whole_answer()
    {
        var events = await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true,\"include_experts\":true,\"top_logprobs\":2,"
            + "\"include\":[\"message.output_text.logprobs\"],\"max_output_tokens\":3}");
        Assert.Equal(Enumerable.Range(0, events.Length), events.Select(e => e.GetProperty("sequence_number").GetInt32()));
        string[] types = [.. events.Select(e => e.Text("type")!["response.".Length..])];
        Assert.Equal(["created", "in_progress", "output_item.added", "content_part.added"], types[..4]);
        Assert.Equal(["output_text.done", "content_part.done", "output_item.done", "incomplete"], types[^4..]);
        Assert.All(types[4..^4], type => Assert.Equal("output_text.delta", type));
        var deltas = events[4..^4];
        var answer = events[^1].GetProperty("response");
        Assert.Equal(("incomplete", "max_output_tokens"), (answer.Text("status"), answer.Text("incomplete_details", "reason")));
        var part = answer.GetProperty("output")[0].GetProperty("content")[0];
        Assert.Equal(part.Text("text"), string.Concat(deltas.Select(delta => delta.Text("delta"))));
        Assert.Equal(part.Text("text"), events[^4].Text("text"));
        Assert.Equal(3, part.GetProperty("logprobs").GetArrayLength());
        Assert.Equal(part.GetProperty("logprobs").EnumerateArray().Select(one => one.GetRawText()),
            deltas.SelectMany(delta => delta.GetProperty("logprobs").EnumerateArray()).Select(one => one.GetRawText()));
        Assert.Equal(2, part.GetProperty("logprobs")[0].GetProperty("top_logprobs").GetArrayLength());
        Assert.Equal(answer.GetProperty("experts").GetProperty("contribution").EnumerateArray().Select(one => one.GetRawText()),
            deltas.SelectMany(delta => delta.GetProperty("experts").GetProperty("contribution").EnumerateArray())
                .Select(one => one.GetRawText()));
    }

    [Fact]
    public async Task A_call_is_an_item_of_its_own()
    {
        _server.Engine.Says = Call;
        var answer = await _server.AnswerAsync(Path, $"{{{Hi},{Weather},\"tool_choice\":{{\"type\":\"function\",\"name\":\"weather\"}}}}");
        var call = Assert.Single(answer.GetProperty("output").EnumerateArray());
        Assert.Equal(("function_call", "weather", """{"city": "Berne"}"""), (call.Text("type"), call.Text("name"), call.Text("arguments")));
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar);

        var events = await _server.EventsAsync(Path, $"{{{Hi},{Weather},\"stream\":true}}");
        Assert.Equal(["created", "in_progress", "output_item.added", "function_call_arguments.delta", "function_call_arguments.done",
            "output_item.done", "completed"], events.Select(e => e.Text("type")!["response.".Length..]));
        Assert.Equal("", events[2].Text("item", "arguments"));
        Assert.Equal(call.Text("arguments"), events[3].Text("delta"));
        Assert.Equal(events[2].Text("item", "id"), events[4].Text("item_id"));
    }

    [Fact]
    public async Task Items_become_messages_and_a_call_goes_to_the_assistants_message_before_it()
    {
        await _server.AnswerAsync(Path, """
            {"model":"forest","input":[{"role":"developer","content":"be brief"},
            {"type":"message","role":"user","content":[{"type":"input_text","text":"what "},{"type":"input_text","text":"time?"}]},
            {"type":"message","id":"msg_1","status":"completed","role":"assistant","content":[{"type":"output_text","text":"I look.",
            "annotations":[],"logprobs":[]}]},
            {"type":"function_call","id":"fc_1","call_id":"c1","name":"time","arguments":"{}","status":"completed"},
            {"type":"function_call_output","call_id":"c1","output":"noon"}]}
            """);
        Assert.Equal("System: be brief\n\nUser: what time?\n\nAssistant: I look.\n{\"name\": \"time\", \"arguments\": {}}\n\nTool: noon"
            + "\n\nAssistant:", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt));
    }

    [Fact]
    public async Task A_format_is_a_grammar()
    {
        await _server.AnswerAsync(Path, $"{{{Hi},\"text\":{{\"format\":{{\"type\":\"json_object\"}}}}}}");
        Assert.Same(Engine.Grammars.OutputGrammar.AnyObject, _server.Engine.LastGeneration!.Grammar);
        const string Format = """{"type":"json_schema","name":"n","strict":true,"schema":{"type":"integer"}}""";
        var answer = await _server.AnswerAsync(Path, $"{{{Hi},\"text\":{{\"format\":{Format}}}}}");
        Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
        Assert.Equal("n", answer.GetProperty("text").Text("format", "name"));
    }

    [Theory]
    [InlineData("\"input\":\"a\",\"previous_response_id\":\"resp_1\"", "previous_response_id", "this server stores none")]
    [InlineData("\"input\":\"a\",\"conversation\":{\"id\":\"c\"}", "conversation", "this server stores none")]
    [InlineData("\"input\":\"a\",\"background\":true", "background", "this server stores none")]
    [InlineData("\"input\":[{\"type\":\"item_reference\",\"id\":\"x\"}]", "input[0]", "this server stores none")]
    [InlineData("\"input\":\"a\",\"truncation\":\"auto\"", "truncation", "only disabled")]
    [InlineData("\"input\":\"a\",\"top_logprobs\":2", "top_logprobs", "without include")]
    [InlineData("\"input\":\"a\",\"include\":[\"web_search_call.results\"]", "include", "web_search_call.results")]
    [InlineData("\"input\":\"a\",\"include\":[\"message.output_text.logprobs\"],\"top_logprobs\":99", "top_logprobs", "top_logprobs is 99")]
    [InlineData("\"input\":\"a\",\"max_output_tokens\":0", "max_output_tokens", "max_output_tokens is 0")]
    [InlineData("\"input\":\"a\",\"max_tokens\":5", "max_tokens", "unknown field")]
    [InlineData("\"input\":\"a\",\"reasoning\":{\"effort\":\"high\"}", "reasoning", "unknown field")]
    [InlineData("\"input\":\"a\",\"metadata\":{\"a\":1}", "metadata", "metadata is more than")]
    [InlineData("\"input\":\"a\",\"metadata\":{\"a\":\"\\ud800\"}", "metadata", "surrogate")]
    [InlineData("\"input\":\"a\",\"text\":{\"format\":{\"type\":\"json_schema\"}}", "text.format", "schema is missing")]
    [InlineData("\"input\":\"a\",\"text\":{\"format\":{\"type\":\"xml\"}}", "text.format.type", "text.format.type is \"xml\"")]
    [InlineData("\"input\":\"a\",\"text\":{\"verbosity\":\"low\"}", "text.verbosity", "unknown field")]
    [InlineData("\"input\":\"a\",\"tools\":[{\"type\":\"web_search\"}]", "tools[0].type", "functions are the only tools")]
    [InlineData("\"input\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"a b\"}]", "tools[0].name", "expected 1 to 64")]
    [InlineData("\"input\":\"a\",\"tools\":[null]", "tools", "expected an object")]
    [InlineData("\"input\":\"a\",\"tools\":[{\"type\":\"function\",\"name\":\"f\"}],\"tool_choice\":{\"type\":\"file_search\"}",
        "tool_choice", "no function by its name")]
    [InlineData("\"input\":\"a\",\"tool_choice\":\"always\"", "tool_choice", "auto, none, required")]
    [InlineData("\"input\":[]", "input", "input is empty")]
    [InlineData("\"input\":[null]", "input[0]", "is null")]
    [InlineData("\"input\":7", "input", "input is not an array")]
    [InlineData("\"input\":null", "input", "input is missing")]
    [InlineData("\"input\":\"\\ud800\"", "input", "surrogate")]
    [InlineData("\"input\":\"a\\u0000b\",\"TEMPLATE\":1", "TEMPLATE", "unknown field")]
    [InlineData("\"input\":[{\"role\":\"tool\",\"content\":\"a\"}]", "input[0].role", "use system, developer")]
    [InlineData("\"input\":[{\"role\":\"user\"}]", "input[0].content", "is missing")]
    [InlineData("\"input\":[{\"role\":\"user\",\"content\":\"a\"},{\"role\":\"user\",\"content\":[{\"type\":\"input_image\"}]}]",
        "input[1].content[0]", "input_image")]
    [InlineData("\"input\":[{\"role\":3}]", "input[0].role", "expected a string")]
    [InlineData("\"input\":[{\"role\":\"user\",\"content\":\"a\",\"content\":\"b\"}]", "input[0].content", "given twice")]
    [InlineData("\"input\":[{\"type\":\"reasoning\",\"summary\":[]}]", "input[0].type", "function_call_output are taken")]
    [InlineData("\"input\":[{\"type\":\"function_call\",\"call_id\":\"c\",\"name\":\"f\",\"arguments\":\"[]\"}]", "input[0].arguments",
        "is not a JSON object")]
    [InlineData("\"input\":[{\"type\":\"function_call_output\",\"output\":\"x\"}]", "input[0].call_id", "is missing")]
    [InlineData("\"input\":\"a\",\"stream_options\":{\"include_obfuscation\":false}", "stream_options", "without stream")]
    public async Task What_cannot_be_is_refused_by_its_name_in_this_form(string fields, string parameter, string message)
    {
        var (status, error) = await _server.RefusalAsync(Path, $"{{\"model\":\"forest\",{fields}}}");
        Assert.Equal((400, parameter), (status, error.Text("param")));
        Assert.Contains(message, error.Text("message"), StringComparison.Ordinal);
        Assert.Null(_server.Engine.LastGeneration);
    }

    [Fact]
    public async Task What_is_repeated_may_be_as_deep_as_a_body_may_be()
    {
        var deep = string.Concat(Enumerable.Repeat("{\"properties\":{\"a\":", 30)) + "{}" + new string('}', 60);
        var answer = (await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true,\"tool_choice\":\"none\","
            + $"\"tools\":[{{\"type\":\"function\",\"name\":\"f\",\"parameters\":{deep}}}]}}"))[^1].GetProperty("response");
        Assert.Equal("completed", answer.Text("status"));
        Assert.Equal(deep, answer.GetProperty("tools")[0].GetProperty("parameters").GetRawText());
    }

    [Fact]
    public async Task A_prompt_that_is_too_long_is_the_inputs_fault()
    {
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = 8 };
        var (_, error) = await _server.RefusalAsync(Path, $"{{{Hi},\"max_output_tokens\":1}}");
        Assert.Equal(("input", "context_length_exceeded"), (error.Text("param"), error.Text("code")));
    }

    [Fact]
    public async Task What_fails_later_is_the_last_event()
    {
        _server.Engine.Failure = new InvalidOperationException("broken");
        var failed = (await _server.EventsAsync(Path, $"{{{Hi},\"stream\":true}}"))[^1];
        Assert.Equal(("response.failed", "failed", "server_error"), (failed.Text("type"), failed.Text("response", "status"),
            failed.GetProperty("response").Text("error", "code")));
        Assert.DoesNotContain("broken", failed.GetRawText(), StringComparison.Ordinal);
        _server.Engine.Failure = null;
        _server.Engine.Ending = (Engine.Requests.FinishReason.Removed, "python left");
        var removed = await _server.AnswerAsync(Path, $"{{{Hi}}}");
        Assert.Equal(("failed", "removed", "python left"), (removed.Text("status"), removed.Text("error", "code"),
            removed.Text("error", "message")));
        Assert.Equal(1, removed.GetProperty("output").GetArrayLength()); // what came before it
    }
}
