using System.Text;
using System.Text.Json;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>A refusal names the field that the client sent, in whichever form it spoke.</summary>
public sealed class FieldNamesTests : IAsyncLifetime
{
    private const string Chat = "/v1/chat/completions", Said = "\"messages\":[{\"role\":\"user\",\"content\":\"x\"}]";

    private const string Unservable = """{"type":"object","properties":{"a":{"type":"string","not":{}}}}""",
        Forced = "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}},"
            + $"{{\"type\":\"function\",\"function\":{{\"name\":\"f.g\",\"parameters\":{Unservable}}}}}]";

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("/v1/messages", $$$"""{"max_tokens":4,{{{Said}}},"tools":[{"name":"a b","input_schema":{}}]}""", null, "tools[0].name is ")]
    [InlineData("/v1/responses", """{"input":"x","tools":[{"type":"function","name":"a b"}]}""", "tools[0].name", "tools[0].name is ")]
    [InlineData("/v1/responses", """{"input":"x","top_logprobs":-1}""", "top_logprobs", "top_logprobs is -1")]
    [InlineData(Chat, $$"""{{{Said}},"logprobs":true,"top_logprobs":21}""", "top_logprobs", "top_logprobs is 21")]
    [InlineData(Chat, $$"""{{{Said}},"max_completion_tokens":0}""", "max_completion_tokens", "max_completion_tokens is 0")]
    [InlineData(Chat, $$$"""{{{{Said}}},"routing":{"mode":"top_p","p":0}}""", "routing", "p is 0")]
    [InlineData("/v1/completions", """{"prompt":"x","routing":{"mode":"expert","expert":"nobody"}}""", "routing", "no expert \"nobody\"")]
    [InlineData("/v1/completions", """{"prompt":"x","model":"forest:select=per_token,top_k=2"}""", "model", "select per_token")]
    [InlineData("/tokenize", """{"prompt":"x","tools":[]}""", "tools", "tools is for messages")]
    [InlineData("/tokenize", """{"prompt":"x","model":"nope"}""", "model", "")]
    [InlineData("/tokenize", """{"prompt":"x","model":"expert:nobody"}""", "model", "no expert")]
    [InlineData("/v1/messages/count_tokens", $$$"""{{{{Said}}},"routing":{"mode":"top_k","k":99}}""", null, "k is 99")]
    [InlineData(Chat, $$"""{{{Said}},{{Forced}},"tool_choice":"required"}""", "tools[1].function.parameters",
        "tools[1].function.parameters.properties.a.not cannot")]
    [InlineData(Chat,
        $$$$"""{{{{{Said}}}},"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"array"}}}],"tool_choice":"required"}""",
        "tools[0].function.parameters", "tools[0].function.parameters is not of type object")]
    [InlineData("/v1/messages",
        $$$"""{"max_tokens":9,{{{Said}}},"tools":[{"name":"f","input_schema":{{{Unservable}}}}],"tool_choice":{"type":"any"}}""",
        null, "tools[0].input_schema.properties.a.not cannot")]
    [InlineData("/detokenize", """{"tokens":[1],"model":"nope"}""", "model", "")]
    public async Task A_refusal_names_the_clients_own_field(string path, string body, string? field, string message)
    {
        if (!body.Contains("\"model\"", StringComparison.Ordinal)) body = "{\"model\":\"forest\"," + body[1..];
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var response = await _server.Http.PostAsync(path, content);
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        var error = json.RootElement.GetProperty("error");
        Assert.InRange((int)response.StatusCode, 400, 404);
        Assert.StartsWith(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        if (field is not null) Assert.Equal(field, error.GetProperty("param").GetString());
    }

    [Fact]
    public async Task The_servers_own_stop_strings_do_not_count()
    {
        var stops = JsonSerializer.Serialize(Enumerable.Range(0, 17).Select(i => $"s{i}"));
        foreach (var (list, status) in new[] { (stops.Replace("\"s0\",", "", StringComparison.Ordinal), 200), (stops, 400) })
        {
            var body = $$"""{"model":"forest",{{Said}},"max_tokens":2,"stop":{{list}}}""";
            using var content = new StringContent(body, Encoding.UTF8, "application/json");
            using var response = await _server.Http.PostAsync(Chat, content);
            var answer = await response.Content.ReadAsStringAsync();
            Assert.True((int)response.StatusCode == status && (status == 200 || answer.Contains("stop has 17 strings")), answer);
        }
    }
}
