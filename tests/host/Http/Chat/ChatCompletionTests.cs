using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http.Chat;

/// <summary><c>/v1/chat/completions</c> in OpenAI's form.</summary>
public sealed class ChatCompletionTests : IAsyncLifetime
{
    private const string Path = "/v1/chat/completions";
    private const string Hi = "\"model\":\"forest\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]";
    private const string Weather = """
        "tools":[{"type":"function","function":{"name":"weather","parameters":{"type":"object","properties":{"city":{"type":"string"}}}}}]
        """;
    private const string Call = "{\"name\": \"weather\", \"arguments\": {\"city\": \"Berne\"}}";
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartForChatsAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task A_whole_answer_has_the_form()
    {
        var body = await PostAsync($"{{{Hi}}}");
        Assert.Equal(["id", "object", "created", "model", "system_fingerprint", "choices", "usage"],
            body.EnumerateObject().Select(field => field.Name));
        Assert.StartsWith("chatcmpl-", body.GetProperty("id").GetString(), StringComparison.Ordinal);
        Assert.Equal("chat.completion", body.GetProperty("object").GetString());
        Assert.Equal($"{{\"index\":0,\"message\":{{\"role\":\"assistant\",\"content\":\"{FakeEngine.Completion}\",\"refusal\":null}},"
            + "\"logprobs\":null,\"finish_reason\":\"stop\"}", body.GetProperty("choices")[0].GetRawText());
        var asked = _server.Engine.LastGeneration!;
        Assert.Equal("User: hi\n\nAssistant:", _server.Tokenizer.Decode(asked.Prompt));
        Assert.Equal(_server.Tokenizer.BosId, asked.Prompt[0]);
        Assert.Equal(2048, asked.MaxTokens); // the rest of the context
        Assert.Equal(["\nUser:", "\nSystem:"], asked.Stop);
    }

    [Fact]
    public async Task A_stream_begins_with_the_role_and_ends_with_the_reason_and_the_usage()
    {
        var chunks = await StreamAsync($"{{{Hi},\"stream\":true,\"n\":2,\"stream_options\":{{\"include_usage\":true}}}}");
        Assert.All(chunks, chunk => Assert.Equal("chat.completion.chunk", chunk.GetProperty("object").GetString()));
        Assert.Empty(chunks[^1].GetProperty("choices").EnumerateArray());
        Assert.True(chunks[^1].GetProperty("usage").GetProperty("total_tokens").GetInt32() > 0);
        for (var index = 0; index < 2; index++)
        {
            var choices = chunks[..^1].Select(chunk => chunk.GetProperty("choices")[0])
                .Where(choice => choice.GetProperty("index").GetInt32() == index).ToList();
            Assert.Equal("""{"role":"assistant","content":""}""", choices[0].GetProperty("delta").GetRawText());
            Assert.Equal(FakeEngine.Completion, string.Concat(choices.Select(Content)));
            Assert.Equal("{}stop", choices[^1].GetProperty("delta").GetRawText() + choices[^1].GetProperty("finish_reason").GetString());
        }
    }

    [Fact]
    public async Task Log_probabilities_have_the_form_of_chats()
    {
        var choice = (await PostAsync($"{{{Hi},\"logprobs\":true,\"top_logprobs\":2,\"max_completion_tokens\":2}}"))
            .GetProperty("choices")[0];
        var content = choice.GetProperty("logprobs").GetProperty("content");
        Assert.Equal(2, content.GetArrayLength());
        var text = content[0].GetProperty("token").GetString()!;
        Assert.Equal(Encoding.UTF8.GetBytes(text), content[0].GetProperty("bytes").EnumerateArray().Select(b => b.GetByte()));
        Assert.Equal(-0.5, content[0].GetProperty("logprob").GetDouble());
        Assert.Equal(2, content[0].GetProperty("top_logprobs").GetArrayLength());
        Assert.Equal(["token", "logprob", "bytes"],
            content[0].GetProperty("top_logprobs")[1].EnumerateObject().Select(field => field.Name));
        Assert.Equal("length", choice.GetProperty("finish_reason").GetString());
    }

    [Fact]
    public async Task Experts_come_with_the_answer_and_with_each_part_of_it()
    {
        var whole = (await PostAsync($"{{{Hi},\"include_experts\":true,\"max_tokens\":2}}")).GetProperty("choices")[0]
            .GetProperty("experts");
        Assert.Equal(2, whole.GetProperty("posterior").GetArrayLength());
        var parts = (await StreamAsync($"{{{Hi},\"include_experts\":true,\"max_tokens\":2,\"stream\":true}}"))
            .Select(chunk => chunk.GetProperty("choices")[0]).Where(choice => choice.TryGetProperty("experts", out _))
            .Select(choice => choice.GetProperty("experts").GetProperty("contribution")[0].GetRawText());
        Assert.Equal(whole.GetProperty("contribution").EnumerateArray().Select(entry => entry.GetRawText()), parts);
    }

    [Fact]
    public async Task Content_may_come_in_parts_and_messages_go_back_as_they_came()
    {
        await PostAsync("""
            {"model":"forest","messages":[{"role":"developer","content":[{"type":"text","text":"be "},{"type":"text","text":"brief"}]},
            {"role":"user","content":"hi","name":"Ann"},
            {"role":"assistant","content":null,"refusal":null,"audio":null,"function_call":null,
            "tool_calls":[{"id":"c1","type":"function","function":{"name":"time","arguments":"{}"}}]},
            {"role":"tool","tool_call_id":"c1","content":"noon"}]}
            """);
        Assert.Equal("System: be brief\n\nUser: hi\n\nAssistant: {\"name\": \"time\", \"arguments\": {}}\n\nTool: noon\n\nAssistant:",
            _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt));
    }

    [Fact]
    public async Task A_call_is_answered_as_one()
    {
        _server.Engine.Says = Call;
        var choice = (await PostAsync($"{{{Hi},{Weather}}}")).GetProperty("choices")[0];
        Assert.Equal("tool_calls", choice.GetProperty("finish_reason").GetString());
        Assert.Equal(JsonValueKind.Null, choice.GetProperty("message").GetProperty("content").ValueKind);
        var call = choice.GetProperty("message").GetProperty("tool_calls")[0];
        Assert.Equal("""{"name":"weather","arguments":"{\"city\": \"Berne\"}"}""", call.GetProperty("function").GetRawText());
        Assert.Equal(["id", "type", "function"], call.EnumerateObject().Select(field => field.Name));

        var deltas = (await StreamAsync($"{{{Hi},{Weather},\"stream\":true}}")).Select(chunk => chunk.GetProperty("choices")[0]).ToList();
        Assert.Equal("tool_calls", deltas[^1].GetProperty("finish_reason").GetString());
        Assert.Equal("", string.Concat(deltas.Select(Content)));
        var parts = deltas.Where(choice => choice.GetProperty("delta").TryGetProperty("tool_calls", out _))
            .Select(choice => choice.GetProperty("delta").GetProperty("tool_calls")[0]).ToList();
        Assert.Equal(["index", "id", "type", "function"], parts[0].EnumerateObject().Select(field => field.Name));
        Assert.Equal("""{"index":0,"function":{"arguments":"{\"city\": \"Berne\"}"}}""", parts[1].GetRawText());
    }

    [Fact]
    public async Task Text_stays_text_and_so_does_a_call_where_none_is_wanted()
    {
        var text = (await PostAsync($"{{{Hi},{Weather}}}")).GetProperty("choices")[0];
        Assert.Equal((FakeEngine.Completion, "stop"),
            (text.GetProperty("message").GetProperty("content").GetString(), text.GetProperty("finish_reason").GetString()));
        _server.Engine.Says = Call;
        text = (await PostAsync($"{{{Hi},{Weather},\"tool_choice\":\"none\"}}")).GetProperty("choices")[0];
        Assert.Equal(Call, text.GetProperty("message").GetProperty("content").GetString());
        Assert.DoesNotContain("weather", _server.Tokenizer.Decode(_server.Engine.LastGeneration!.Prompt), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_forced_call_and_a_format_are_grammars_and_a_format_makes_no_call()
    {
        _server.Engine.Says = Call;
        foreach (var choice in new[] { "\"required\"", "{\"type\":\"function\",\"function\":{\"name\":\"weather\"}}" })
        {
            var forced = (await PostAsync($"{{{Hi},{Weather},\"tool_choice\":{choice}}}")).GetProperty("choices")[0];
            Assert.Equal("tool_calls", forced.GetProperty("finish_reason").GetString());
            Assert.NotNull(_server.Engine.LastGeneration!.Grammar);
            Assert.Empty(_server.Engine.LastGeneration!.Stop);
        }

        var json = (await PostAsync($"{{{Hi},{Weather},\"response_format\":{{\"type\":\"json_object\"}}}}")).GetProperty("choices")[0];
        Assert.Equal(Call, json.GetProperty("message").GetProperty("content").GetString());
        Assert.Same(Engine.Grammars.OutputGrammar.AnyObject, _server.Engine.LastGeneration!.Grammar);
        await PostAsync($"{{{Hi},\"response_format\":{{\"type\":\"text\"}}}}");
        Assert.Null(_server.Engine.LastGeneration!.Grammar);
    }

    [Fact]
    public async Task What_completions_take_chats_take_too()
    {
        const string Fields = """
            "temperature":0.5,"top_p":0.9,"top_k":7,"min_p":0.1,"repetition_penalty":1.1,"presence_penalty":0.2,"frequency_penalty":-0.2,
            "logit_bias":{"5":-100},"min_tokens":1,"stop_token_ids":[9],"seed":3,"ignore_eos":true,"max_tokens":4,"stop":"x",
            "routing":{"mode":"top_k","k":1},"user":"u","store":true
            """;
        await PostAsync($"{{{Hi},{Fields}}}");
        var chat = _server.Engine.LastGeneration!;
        await _server.AnswerAsync("/v1/completions", $"{{\"model\":\"forest\",\"prompt\":\"a\",{Fields}}}");
        var completion = _server.Engine.LastGeneration!;
        Assert.Equal(Describe(completion with
        {
            Prompt = chat.Prompt,
            Stop = [.. completion.Stop, "\nUser:", "\nSystem:"],
            AddedStops = 2,
        }), Describe(chat));
        Assert.Equal((0.2, -0.2, -100, 1, 9), (chat.Sampling.PresencePenalty, chat.Sampling.FrequencyPenalty, chat.Sampling.LogitBias[5],
            chat.Sampling.MinTokens, chat.Sampling.StopTokenIds[0]));

        static string Describe(Engine.Requests.GenerationRequest request) => JsonSerializer.Serialize(request);
    }

    private static string? Content(JsonElement choice) =>
        choice.GetProperty("delta").TryGetProperty("content", out var content) ? content.GetString() : null;

    private Task<JsonElement> PostAsync(string body) => _server.AnswerAsync(Path, body);

    private async Task<JsonElement[]> StreamAsync(string body)
    {
        using var response = await _server.SendAsync(Path, body);
        var text = await response.Content.ReadAsStringAsync();
        Assert.EndsWith("data: [DONE]\n\n", text, StringComparison.Ordinal);
        return [.. text.Split("\n\n").Where(line => line.StartsWith("data: {", StringComparison.Ordinal))
            .Select(line => JsonDocument.Parse(line[6..]).RootElement)];
    }
}
