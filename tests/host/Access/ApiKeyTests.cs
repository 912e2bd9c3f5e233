using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Server.Access;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Access;

/// <summary>What keys are bound to. The forest has novels, python and german; its BTX model novels, python and fables.</summary>
public sealed class ApiKeyTests
{
    private static readonly string[] s_all = ["novels", "python", "german"];

    [Theory]
    [InlineData("python", "expert:python", null)]
    [InlineData("python", "expert:novels", "this key is not for expert \"novels\", but for python")]
    [InlineData("python", "expert:law", "this key is not for expert \"law\", but for python")]
    [InlineData("python", "forest",
        "mode ensemble runs or weighs experts that this key is not for; it may ask for mode expert, with one of python")]
    [InlineData("python", "forest:top_k=1", "mode top_k runs or weighs experts that this key is not for")]
    [InlineData("python", "forest:top_p=0.5", "mode top_p runs or weighs experts that this key is not for")]
    [InlineData("python", "average", "mode average runs or weighs experts that this key is not for")]
    [InlineData("python", "average:prose", "mode average runs or weighs experts that this key is not for")]
    [InlineData("python", "btx", "mode moe runs or weighs experts that this key is not for")]
    [InlineData("novels,python,german", "forest", null)]
    [InlineData("novels,python,german", "average:prose", null)]
    [InlineData("novels,python,german", "btx", "mode moe runs or weighs experts that this key is not for")]
    [InlineData("novels,python,fables", "btx", null)]
    public async Task A_key_of_some_experts_reaches_these_alone(string experts, string model, string? problem)
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { Experts = experts.Split(',') }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        await Answers(server, token, model, problem);
    }

    [Theory]
    [InlineData("expert", "expert:novels", null)]
    [InlineData("expert,moe", "btx", null)]
    [InlineData("expert", "forest", "this key is not for mode ensemble, but for expert")]
    [InlineData("ensemble,average", "forest:top_k=2", "this key is not for mode top_k, but for ensemble, average")]
    public async Task A_key_of_some_modes_reaches_these_alone(string modes, string model, string? problem)
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { Modes = modes.Split(',') }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        await Answers(server, token, model, problem);
    }

    [Fact]
    public async Task A_list_of_models_has_what_the_key_reaches()
    {
        using var files = new KeyFiles();
        await using var server = await Serve(files);
        Assert.Equal(["expert:python"], await Models(server, files.Add(KeyFiles.Plain with { Experts = ["python", "law"] }).Token));
        var routed = files.Add(KeyFiles.Plain with { Modes = ["moe"] }).Token;
        Assert.Equal(["btx", "btx:k=1", "btx:k=2", "btx:k=3"], await Models(server, routed));
        Assert.Equal(await Models(server, files.Add("observe")), await Models(server, files.Add(KeyFiles.Plain with
        {
            Experts = [.. s_all, "fables"]
        }).Token));
        var shown = await server.Inference.DescribeAsync(new(), Bearer(files.Add(KeyFiles.Plain with { Experts = ["german"] }).Token));
        Assert.Equal("german", Assert.Single(shown.Experts).Name);
        Assert.Null(shown.Moe);
        Assert.Empty(shown.Averages);
        Assert.Equal(3, (await server.Inference.DescribeAsync(new(), Bearer(files.Add("observe")))).Experts.Count);
    }

    private static async Task<RunningServer> Serve(KeyFiles files)
    {
        files.Add("observe");
        return await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
    }

    /// <summary>Over both protocols, and for a score.</summary>
    private static async Task Answers(RunningServer server, string token, string model, string? problem)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new { model, prompt = "the", max_tokens = 2 })
        };
        request.Headers.Authorization = new("Bearer", token);
        using var response = await server.Http.SendAsync(request);
        var body = await response.Content.ReadAsStringAsync();
        Assert.True(response.StatusCode == (problem is null ? HttpStatusCode.OK : HttpStatusCode.Forbidden), body);
        if (problem is not null)
        {
            var error = JsonDocument.Parse(body).RootElement.GetProperty("error");
            Assert.StartsWith(problem, error.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.Equal("model_not_allowed", error.GetProperty("code").GetString());
        }

        var routing = Server.Requests.ModelId.Parse(model, server.Engine.Forest).Routing;
        var wire = new V1.Routing
        {
            Mode = Enum.Parse<V1.Mode>(routing.Mode.ToString()),
            Expert = routing.Expert ?? "",
            AverageName = routing.AverageName ?? ""
        };
        var status = StatusCode.OK;
        try
        {
            await server.Inference.ScoreAsync(new() { Text = new() { Text = "the fox" }, Routing = wire }, Bearer(token));
        }
        catch (RpcException e)
        {
            status = e.StatusCode;
            Assert.StartsWith(problem ?? "nothing", e.Status.Detail, StringComparison.Ordinal);
        }

        Assert.Equal(problem is null ? StatusCode.OK : StatusCode.PermissionDenied, status);
    }

    private static async Task<IEnumerable<string>> Models(RunningServer server, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/v1/models");
        request.Headers.Add("x-api-key", token);
        using var response = await server.Http.SendAsync(request);
        using var json = JsonDocument.Parse(await response.Content.ReadAsStringAsync());
        return [.. json.RootElement.GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString()!)];
    }

    private static Metadata Bearer(string token) => new() { { "authorization", $"Bearer {token}" } };
}
