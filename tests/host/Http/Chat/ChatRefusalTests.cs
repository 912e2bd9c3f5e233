using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http.Chat;

/// <summary>What <c>/v1/chat/completions</c>, <c>/tokenize</c> and <c>/detokenize</c> refuse; and what the last two answer.</summary>
public sealed class ChatRefusalTests : IAsyncLifetime
{
    private const string Hi = """
        "model":"forest","messages":[{"role":"user","content":"hi"}]
        """;

    private static readonly (string Fields, string Parameter, string Message)[] s_refused =
    [
        (""" "response_format":{"type":"xml"} """, "response_format.type", "use text, json_object or json_schema"),
        (""" "response_format":{"type":"json_schema"} """, "response_format.json_schema", "is missing"),
        (""" "response_format":{"type":"text","json_schema":{}} """, "response_format.json_schema", "is for type json_schema"),
        (""" "response_format":{"type":"json_object","schema":{}} """, "response_format.schema", "unknown field"),
        (""" "presence_penalty":3 """, "presence_penalty", "presence_penalty is 3; expected -2..2"),
        (""" "logit_bias":{"x":1} """, "logit_bias", "logit_bias has the name \"x\"; expected token ids"),
        (""" "logit_bias":{"99999":1} """, "logit_bias", "99999"),
        (""" "stop_token_ids":[-1] """, "stop_token_ids", "-1"),
        (""" "response_format":{"type":"json_object"},"tool_choice":"required","tools":[{"type":"function","function":{"name":"a"}}] """,
            "response_format", "does not go with a tool that is required"),
        (""" "chat_template":"{{ messages }}" """, "chat_template", "a chat template cannot be sent"),
        (""" "chat_template_kwargs":{} """, "chat_template_kwargs", "a chat template cannot be sent"),
        (""" "functions":[] """, "functions", "unknown field \"functions\""),
        (""" "messages":[] """, "messages", "messages is empty"),
        (""" "messages":3 """, "messages", "messages is not an array"),
        (""" "messages":[null] """, "messages[0]", "messages[0] is null"),
        (""" "messages":[{"role":"robot","content":"a"}] """, "messages[0].role", "messages[0].role is \"robot\""),
        (""" "messages":[{"role":"user"}] """, "messages[0].content", "messages[0].content is missing"),
        (""" "messages":[{"role":"user","content":"a","colour":1}] """, "messages[0].colour", "unknown field \"messages[0].colour\""),
        (""" "messages":[{"role":"user","content":"\ud800"}] """, "messages[0].content", "half of a surrogate pair"),
        (""" "messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}}]}] """, "messages[0].content[0]",
            "part of type \"image_url\"; the models read text only"),
        (""" "messages":[{"role":"tool","content":"a"}] """, "messages[0].tool_call_id", "is missing"),
        (""" "messages":[{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"a","arguments":"{"}}]}] """,
            "messages[0].tool_calls[0].function.arguments", "is not a JSON object in a string"),
        (""" "max_tokens":1,"max_completion_tokens":2 """, "max_completion_tokens", "differ"),
        (""" "max_completion_tokens":0 """, "max_completion_tokens", "max_completion_tokens is 0"),
        (""" "top_logprobs":2 """, "top_logprobs", "without logprobs: true"),
        (""" "logprobs":true,"top_logprobs":21 """, "top_logprobs", "expected 0..20"),
        (""" "logprobs":2 """, "logprobs", "logprobs is 2; expected true or false"),
        (""" "tool_choice":"required" """, "tool_choice", "tool_choice is given without tools"),
        (""" "tool_choice":"sometimes" """, "tool_choice", "expected auto, none, required or a function"),
        (""" "tools":[{"type":"function","function":{"name":"a b"}}] """, "tools[0].function.name", "expected 1 to 64 letters"),
        (""" "tools":[{"type":"retrieval"}] """, "tools[0]", "not of type function"),
        (""" "tools":[{"type":"function","function":{"name":"a","parameters":{"x":1,"x":2}}}] """, "tools[0].function.parameters.x",
            "parameters.x is given twice"),
        (""" "tools":[{"type":"function","function":{"name":"a","parameters":[]}}] """, "tools[0].function.parameters",
            "expected an object"),
        (""" "tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"b"}} """,
            "tool_choice", "tool_choice names \"b\""),
        (""" "tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"allowed_tools","function":{"name":"a"}} """,
            "tool_choice", "expected auto, none, required or a function"),
        (""" "tools":[{"type":"function","function":{"name":"a"}}],"tool_choice":{"type":"function","function":{"name":"a"},"mode":"x"} """,
            "tool_choice", "expected auto, none, required or a function"),
    ];

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartForChatsAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    /// <summary>A template, or arguments of one, that a client sends are refused, too: CVE-2025-61620.</summary>
    [Fact]
    public async Task What_cannot_be_is_refused_by_name()
    {
        foreach (var (fields, parameter, message) in s_refused)
        {
            var hi = fields.Contains("\"messages\"", StringComparison.Ordinal) ? "\"model\":\"forest\"" : Hi;
            var error = await ErrorAsync($"{{{hi},{fields}}}");
            Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.Equal(parameter, error.GetProperty("param").GetString());
        }

        Assert.Empty(_server.Engine.Generations);
    }

    [Theory]
    [InlineData(8, "")] // no token is left for the answer
    [InlineData(60, ""","response_format":{"type":"json_schema","json_schema":{"schema":{"minItems":20,"items":{"const":0}}}}""")]
    public async Task A_chat_that_leaves_no_room_for_an_answer_is_refused_as_such(int context, string format)
    {
        _server.Engine.Forest = _server.Engine.Forest with { ContextLength = context };
        var error = await ErrorAsync($"{{{Hi}{(format.Length > 0 ? ",\"max_tokens\":" + context : "")}{format}}}");
        Assert.Equal("messages", error.GetProperty("param").GetString());
        Assert.Equal("context_length_exceeded", error.GetProperty("code").GetString());
        Assert.Empty(_server.Engine.Generations);
    }

    [Fact]
    public async Task Tokens_come_and_go_in_the_form_of_vLLM()
    {
        var tokens = await _server.AnswerAsync("/tokenize", """{"model":"forest","prompt":"the fox","return_token_strs":true}""");
        int[] ids = [_server.Tokenizer.BosId!.Value, .. _server.Tokenizer.Encode("the fox")];
        Assert.Equal(ids, tokens.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal((ids.Length, 2048), (tokens.GetProperty("count").GetInt32(), tokens.GetProperty("max_model_len").GetInt32()));
        Assert.Equal("<|endoftext|>the fox",
            string.Concat(tokens.GetProperty("token_strs").EnumerateArray().Select(name => name.GetString())));
        var bare = await _server.AnswerAsync("/tokenize", """{"prompt":"the fox","add_special_tokens":false}""");
        Assert.Equal(ids.Length - 1, bare.GetProperty("count").GetInt32());
        var chat = await _server.AnswerAsync("/tokenize", $"{{{Hi}}}");
        await _server.AnswerAsync("/v1/chat/completions", $"{{{Hi}}}");
        Assert.Equal(_server.Engine.LastGeneration!.Prompt, chat.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()));
        Assert.Equal("<|endoftext|>the fox",
            (await _server.AnswerAsync("/detokenize", JsonSerializer.Serialize(new { tokens = ids }))).GetProperty("prompt").GetString());
        foreach (var (path, bad) in new[] { ("/tokenize", "{}"), ("/tokenize", """{"prompt":""}"""), ("/detokenize", """{"tokens":[-1]}"""),
            ("/detokenize", "{}"), ("/v1/embeddings", """{"model":"forest","input":"a"}""") })
            Assert.False(string.IsNullOrEmpty((await ErrorAsync(bad, path)).GetProperty("message").GetString()));
    }

    private async Task<JsonElement> ErrorAsync(string body, string path = "/v1/chat/completions")
    {
        var (status, error) = await _server.RefusalAsync(path, body);
        Assert.Equal(400, status);
        return error;
    }
}
