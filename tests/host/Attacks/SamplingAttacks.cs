using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Btx.Server.Tests.Attacks;

/// <summary>Sampling values at the edges of what is accepted: answered, and as the temperature goes to 0 with the greedy text.</summary>
[Collection(AttackedServer.Name)]
public sealed class SamplingAttacks(AttackedServer server)
{
    [Theory]
    [InlineData("forest", "")]
    [InlineData("forest", ", \"top_k\": 5")]
    [InlineData("forest:top_k=1", ", \"top_p\": 1e-300")]
    [InlineData("average", ", \"top_k\": 5, \"top_p\": 0.9, \"min_p\": 0.5")]
    [InlineData("expert:alpha", ", \"top_k\": 5, \"repetition_penalty\": 1.5")]
    [InlineData("forest", ", \"repetition_penalty\": 1e-300")]
    public async Task A_temperature_near_0_gives_the_greedy_text(string model, string filters)
    {
        var greedy = await Text("0");
        foreach (var temperature in new[] { "1e-10", "1e-9", "1e-6", "1e-300", "5e-324" }) Assert.Equal(greedy, await Text(temperature));
        await server.OthersAreAnsweredAsync();

        async Task<string> Text(string temperature)
        {
            var json = $$"""{"model": "{{model}}", "prompt": "the", "max_tokens": 30, "ignore_eos": true, "seed": 1, "temperature": {{temperature}}{{filters}}}""";
            using var body = new StringContent(json, Encoding.UTF8, "application/json");
            using var response = await server.Raw.PostAsync(new Uri(server.HttpUri, "/v1/completions"), body,
                TestContext.Current.CancellationToken);
            var answer = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
            Assert.True(response.IsSuccessStatusCode, answer.ToString());
            return answer.GetProperty("choices")[0].GetProperty("text").GetString()!;
        }
    }
}
