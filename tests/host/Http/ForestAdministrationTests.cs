using System.Net;
using System.Net.Http.Json;
using System.Text;
using System.Text.Json;
using Btx.Server.Access;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>The administration of the forest over HTTP: the messages and the rules of gRPC's, refusals in HTTP's form.</summary>
public sealed class ForestAdministrationTests
{
    private const string Average = """{"by": {"author": "ada", "reason": "tales"}, "name": "tales", "domain": "novels"}""";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_change_streams_lines_and_everything_that_reads_shows_it()
    {
        using var files = new KeyFiles();
        var audit = files["audit.jsonl"];
        await using var server = await RunningServer.StartAsync(access: new() { UnauthenticatedAdmin = true, AuditFile = audit });
        var lines = await Lines(server, "/v1/forest/averages", Average);
        Assert.Equal("committed", lines[^1].GetProperty("result").GetProperty("change").GetProperty("outcome").GetString());
        Assert.All(lines[..^1], line => Assert.NotEmpty(line.GetProperty("progress").GetProperty("phase").GetString()!));
        Assert.Equal(1, server.Registry.State.Revision);

        async Task<JsonElement> Get(string path) => await server.Http.GetFromJsonAsync<JsonElement>($"/v1/forest/{path}", Stop);
        Assert.Equal("tales", (await Get("averages")).GetProperty("averages")[0].GetProperty("name").GetString());
        Assert.Equal("tales", (await Get("history?limit=1")).GetProperty("changes")[0].GetProperty("subjects")[0].GetString());
        Assert.Equal("python", (await Get("experts")).GetProperty("experts")[1].GetProperty("name").GetString());
        Assert.Equal("python", (await Get("experts/python")).GetProperty("expert").GetProperty("name").GetString());
        using var plan = await Post(server, "/v1/forest/removal-plan", """{"experts": ["python"], "lineage": "LINEAGE_POLICY_CASCADE"}""");
        Assert.Equal("python", (await plan.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("removed")[0].GetString());

        var removal = """{"by": {"author": "ada", "reason": "gone"}, "experts": ["python"], "expected_revision": 1}""";
        var result = (await Lines(server, "/v1/forest/experts/remove", removal))[^1].GetProperty("result");
        var id = result.GetProperty("change").GetProperty("id").GetString();
        Assert.True(JsonElement.DeepEquals(result.GetProperty("certificate"), await Get($"certificates/{id}")));

        using var twice = await Post(server, "/v1/forest/averages", Average);
        var answer = await twice.Content.ReadAsStringAsync(Stop);
        Assert.False(twice.IsSuccessStatusCode && !answer.Contains("\"error\"", StringComparison.Ordinal));
        await Patience.UntilAsync(() => File.ReadAllLines(audit).Length == 3, "the audit log");
        var entries = File.ReadAllLines(audit).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(["/v1/forest/averages", "/v1/forest/experts/remove", "/v1/forest/averages"],
            entries.Select(entry => entry.GetProperty("call").GetString()));
        Assert.Equal(["committed", "committed"], entries[..2].Select(entry => entry.GetProperty("outcome").GetString()));
        Assert.DoesNotContain(entries[2].GetProperty("outcome").GetString(), new[] { "200", "committed" });
        Assert.NotEmpty(entries[2].GetProperty("message").GetString()!);
        Assert.Equal("gone", entries[1].GetProperty("request").GetProperty("by").GetProperty("reason").GetString());
    }

    [Theory]
    [InlineData("/v1/forest/averages", "{", HttpStatusCode.BadRequest, "not valid JSON")]
    [InlineData("/v1/forest/averages", """{"name": "a", "name": "b"}""", HttpStatusCode.BadRequest, "name is given twice")]
    [InlineData("/v1/forest/averages", """{"nonsense": 1}""", HttpStatusCode.BadRequest, "not a CreateAverageRequest")]
    [InlineData("/v1/forest/averages", """{"name": 1e999}""", HttpStatusCode.BadRequest, "not a CreateAverageRequest")]
    [InlineData("/v1/forest/averages", "[]", HttpStatusCode.BadRequest, "not a CreateAverageRequest")]
    [InlineData("/v1/forest/averages", """{"name": "a", "domain": "novels"}""", HttpStatusCode.BadRequest, "the author of the change")]
    [InlineData("/v1/forest/removal-plan", """{"experts": ["nobody"]}""", HttpStatusCode.NotFound, "nobody")]
    [InlineData("/v1/forest/removal-plan", """{"experts": []}""", HttpStatusCode.BadRequest, "no expert is named")]
    public async Task What_is_wrong_has_a_status_and_the_form_of_HTTP(string path, string body, HttpStatusCode status, string message)
    {
        await using var server = await RunningServer.StartAsync();
        using var response = await Post(server, path, body);
        Assert.Equal(status, response.StatusCode);
        var error = (await response.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("error");
        Assert.Contains(message, error.GetProperty("message").GetString(), StringComparison.Ordinal);
        Assert.Equal(0, server.Registry.State.Revision);
    }

    [Theory]
    [InlineData("nonsense", """{"nonsense": 1}""")]
    [InlineData("by.author", """{"by": {"author": 1}}""")]
    [InlineData("by.nonsense", """{"by": {"reason": "r", "nonsense": 1}}""")]
    [InlineData("weights", """{"name": "a", "weights": {"novels": "much"}}""")]
    [InlineData("body", "[]")]
    public async Task A_field_that_is_wrong_is_named(string field, string body)
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Equal(field, (await server.RefusalAsync("/v1/forest/averages", body)).Error.Text("param"));
    }

    [Theory]
    [InlineData("limit", "limit=abc")]
    [InlineData("limit", "limit=")]
    [InlineData("limit", "limit=-1")]
    [InlineData("limit", "limit=1&limit=2")]
    [InlineData("most", "most=1")]
    public async Task How_much_of_the_history_is_told_is_a_number(string parameter, string query)
    {
        await using var server = await RunningServer.StartAsync();
        using var response = await server.Http.GetAsync($"/v1/forest/history?{query}", Stop);
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        var error = (await response.Content.ReadFromJsonAsync<JsonElement>(Stop)).GetProperty("error");
        Assert.Equal(parameter, error.Text("param"));
        Assert.Contains("limit", error.Text("message"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Events_come_as_lines_from_the_call_on()
    {
        await using var server = await RunningServer.StartAsync();
        using var response = await server.Http.GetAsync("/v1/forest/events", HttpCompletionOption.ResponseHeadersRead, Stop);
        using var reader = new StreamReader(await response.Content.ReadAsStreamAsync(Stop));
        await Lines(server, "/v1/forest/averages", Average);
        var line = JsonDocument.Parse((await reader.ReadLineAsync(Stop))!).RootElement;
        Assert.Equal("tales", line.GetProperty("change").GetProperty("subjects")[0].GetString());
    }

    private static Task<HttpResponseMessage> Post(RunningServer server, string path, string body) =>
        server.Http.PostAsync(path, new StringContent(body, Encoding.UTF8, "application/json"), Stop);

    private static async Task<JsonElement[]> Lines(RunningServer server, string path, string body)
    {
        using var response = await Post(server, path, body);
        var text = await response.Content.ReadAsStringAsync(Stop);
        Assert.True(response.IsSuccessStatusCode, text);
        Assert.Equal("application/jsonl", response.Content.Headers.ContentType?.MediaType);
        return [.. text.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }
}
