using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Http;

/// <summary><c>GET /v1/forest</c>, and the list of models after a change.</summary>
public sealed class ForestEndpointTests
{
    [Fact]
    public async Task State_averages_and_changes_are_shown_without_directories()
    {
        await using var server = await RunningServer.StartAsync();
        using var call = server.Forest.CreateAverage(new()
        {
            By = new() { Author = "ada", Reason = "for \"tales\"" },
            Name = "tales",
            Domain = "novels"
        });
        await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        using var response = await server.Http.GetAsync("/v1/forest", TestContext.Current.CancellationToken);
        Assert.Equal("application/json", response.Content.Headers.ContentType?.MediaType);
        var page = await response.Content.ReadFromJsonAsync<JsonElement>(TestContext.Current.CancellationToken);
        Assert.Equal(1, page.GetProperty("forest").GetProperty("revision").GetInt64());
        Assert.Equal("german", page.GetProperty("forest").GetProperty("experts")[2].GetProperty("name").GetString());
        Assert.Equal(0.5, page.GetProperty("averages")[0].GetProperty("weights").GetProperty("novels").GetDouble());
        Assert.Equal("for \"tales\"", page.GetProperty("changes")[0].GetProperty("reason").GetString());
        Assert.Equal(server.Registry.History[0].Time, page.GetProperty("changes")[0].GetProperty("time").GetDateTimeOffset());
        Assert.DoesNotContain(server.Disk.Forest, page.GetRawText(), StringComparison.Ordinal);
        Assert.DoesNotContain("experts/german", page.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_list_of_models_follows_the_forest()
    {
        await using var server = await RunningServer.StartAsync();
        server.Engine.Forest = server.Engine.Forest with
        {
            Experts = ["novels", "german"],
            Domains = ["novels", "german"],
            Averages = ["prose", "tales"]
        };
        var list = await server.Http.GetFromJsonAsync<JsonElement>("/v1/models", TestContext.Current.CancellationToken);
        string[] ids = [.. list.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!)];
        Assert.Contains("average:tales", ids);
        Assert.DoesNotContain("expert:python", ids);
        Assert.Contains("expert:german", ids);
    }
}
