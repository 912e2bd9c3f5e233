using System.Net.Http.Json;
using System.Text;
using System.Text.Json;

namespace Btx.Server.Tests.Fakes;

/// <summary>Bodies of JSON to a <see cref="RunningServer"/>, and what it answers.</summary>
internal static class JsonRequests
{
    public static Task<HttpResponseMessage> SendAsync(this RunningServer server, string path, string body) =>
        server.Http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), TestContext.Current.CancellationToken);

    /// <summary>An answer that is no refusal.</summary>
    public static async Task<JsonElement> AnswerAsync(this RunningServer server, string path, string body)
    {
        using var response = await server.SendAsync(path, body);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.True(response.IsSuccessStatusCode, answer.ToString());
        return answer;
    }

    /// <summary>The status and the object <c>error</c> of a refusal.</summary>
    public static async Task<(int Status, JsonElement Error)> RefusalAsync(this RunningServer server, string path, string body)
    {
        using var response = await server.SendAsync(path, body);
        var answer = await response.Content.ReadFromJsonAsync<JsonElement>();
        Assert.False(response.IsSuccessStatusCode, answer.ToString());
        return ((int)response.StatusCode, answer.GetProperty("error"));
    }

    /// <summary>The events of a stream, each of which is named as its data's type.</summary>
    public static async Task<JsonElement[]> EventsAsync(this RunningServer server, string path, string body)
    {
        using var response = await server.SendAsync(path, body);
        Assert.Equal("text/event-stream", response.Content.Headers.ContentType?.MediaType);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        return [.. text.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(item =>
        {
            var lines = item.Split('\n');
            var data = JsonElement.Parse(lines[1]["data: ".Length..], new() { MaxDepth = 128 });
            Assert.Equal($"event: {data.GetProperty("type").GetString()}", lines[0]);
            return data;
        })];
    }

    /// <summary>The text that a path of fields leads to.</summary>
    public static string? Text(this JsonElement json, params string[] path) =>
        path.Aggregate(json, (at, name) => at.GetProperty(name)).GetString();
}
