using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Model.Mixing;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>The field <c>routing</c> beside a model's id, and what <c>/v1/models</c> says of routings.</summary>
public sealed class RoutingFieldTests : IAsyncLifetime
{
    private static readonly (string Model, string Routing, string Message)[] s_refused =
    [
        ("forest:top_k=2", """{"k":2}""", "names a routing of its own"),
        ("expert:python", "{}", "names a routing of its own"),
        ("forest", """{"mode":"moe"}""", "routing mode moe is of model btx"),
        ("btx", """{"mode":"top_k"}""", "routing mode moe is of model btx"),
        ("forest", """{"mode":"top_q"}""", "use ensemble, top_k, top_p, average, expert, moe"),
        ("forest", """{"mode":"unspecified"}""", "use ensemble"),
        ("forest", """{"mode":"top_k","k":"2"}""", "routing has k, which is \"2\"; expected a whole number"),
        ("forest", """{"mode":"top_k","topk":2}""", "routing has the unknown field \"topk\""),
        ("forest", """{"mode":"top_k","k":9}""", "k is 9"),
        ("forest", """{"mode":"top_k","router":"best"}""", "use all, probe"),
        ("forest", """{"mode":"top_k","router":"probe","probe_tokens":1}""", "probe tokens is 1; expected 2 or more"),
        ("forest", """{"mode":"average","router":"probe"}""", "router does not apply to mode average"),
        ("forest", """{"k":2}""", "k does not apply to mode ensemble"),
        ("forest", "3", "routing is 3; expected an object"),
    ];

    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task It_says_what_a_model_id_says()
    {
        await PostAsync("forest", """
            {"mode":"top_k","k":2,"posterior":"last_token","prior_domain":"python","router":"probe","reroute_interval":4}
            """);
        var beside = _server.Engine.LastGeneration!.Routing;
        Assert.Equal(RoutingMode.TopK, beside.Mode);
        await PostAsync("forest:top_k=2,posterior=last_token,prior=python,router=probe,reroute=4", null);
        Assert.Equal(_server.Engine.LastGeneration!.Routing, beside);
        await PostAsync("forest", """{"mode":"expert","expert":"python","k":null}""");
        Assert.Equal("python", _server.Engine.LastGeneration!.Routing.Expert);
        await PostAsync("btx", """{"k":3}""");
        Assert.Equal((RoutingMode.Moe, 3), (_server.Engine.LastGeneration!.Routing.Mode, _server.Engine.LastGeneration!.Routing.K));
    }

    [Fact]
    public async Task What_it_cannot_say_is_refused()
    {
        foreach (var (model, routing, message) in s_refused)
        {
            using var response = await SendAsync(model, routing);
            Assert.Equal(400, (int)response.StatusCode);
            Assert.Contains(message, (await response.Content.ReadFromJsonAsync<JsonElement>()).GetProperty("error").GetProperty("message")
                .GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Models_have_their_context_their_parent_and_the_options_of_their_mode()
    {
        var list = await _server.Http.GetFromJsonAsync<JsonElement>("/v1/models");
        var models = list.GetProperty("data").EnumerateArray().ToDictionary(model => model.GetProperty("id").GetString()!);
        Assert.Equal("novels", models["expert:german"].GetProperty("parent").GetString());
        Assert.Equal(JsonValueKind.Null, models["forest"].GetProperty("parent").ValueKind);
        Assert.Equal(64, models["btx"].GetProperty("max_model_len").GetInt32());
        Assert.Equal("""{"mode":"moe","options":["k"]}""", models["btx"].GetProperty("routing").GetRawText());
        string[] options = ["p", "posterior", "prior_domain", "switching_rate", "select", "router", "probe_tokens", "reroute_interval"];
        Assert.Equal(JsonSerializer.Serialize(new { mode = "top_p", options }),
            models["forest:top_p=0.9"].GetProperty("routing").GetRawText());
    }

    private Task<HttpResponseMessage> SendAsync(string model, string? routing) => _server.Http.PostAsync("/v1/completions",
        new StringContent($"{{\"model\":\"{model}\",\"prompt\":\"a\",\"routing\":{routing ?? "null"}}}", Encoding.UTF8,
            "application/json"));

    private async Task PostAsync(string model, string? routing)
    {
        using var response = await SendAsync(model, routing);
        Assert.True(response.IsSuccessStatusCode, await response.Content.ReadAsStringAsync());
    }
}
