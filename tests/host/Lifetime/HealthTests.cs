using System.Net;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Lifetime;

/// <summary>Health tells the truth, with the reason, and tells liveness from readiness.</summary>
public sealed class HealthTests
{
    [Fact]
    public async Task A_server_that_works_is_live_and_serves()
    {
        await using var server = await RunningServer.StartAsync();
        Assert.Equal((HttpStatusCode.OK, """{"status":"serving"}"""), await Ask(server, "/health"));
        Assert.Equal((HttpStatusCode.OK, """{"status":"serving"}"""), await Ask(server, "/health/ready"));
        Assert.Equal((HttpStatusCode.OK, """{"status":"live"}"""), await Ask(server, "/health/live"));
    }

    [Fact]
    public async Task A_broken_engine_fails_both_with_the_reason_over_both_protocols()
    {
        await using var server = await RunningServer.StartAsync();
        server.Engine.Problem = "the engine has failed: a reason";
        foreach (var path in new[] { "/health", "/health/ready", "/health/live" })
            Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"status":"failed","reason":"the engine has failed: a reason"}"""),
                await Ask(server, path));
        var rpc = new global::Grpc.Health.V1.Health.HealthClient(server.Channel);
        Assert.Equal(global::Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus.NotServing, (await rpc.CheckAsync(new())).Status);
        server.Engine.Problem = null; // a step that took long has ended
        Assert.Equal(HttpStatusCode.OK, (await Ask(server, "/health/live")).Status);
    }

    [Fact]
    public async Task A_server_that_shuts_down_is_live_but_not_ready()
    {
        await using var server = await RunningServer.StartAsync();
        var release = new TaskCompletionSource();
        server.Engine.Hold = release.Task;
        using var running = server.Inference.Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 60 });
        Assert.True(await running.ResponseStream.MoveNext(default));
        var stopping = server.StopAsync();
        while ((await Ask(server, "/health/ready")).Status == HttpStatusCode.OK) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal((HttpStatusCode.ServiceUnavailable, """{"status":"shutting down"}"""), await Ask(server, "/health/ready"));
        Assert.Equal((HttpStatusCode.OK, """{"status":"live"}"""), await Ask(server, "/health/live"));
        release.SetResult();
        await stopping;
    }

    private static async Task<(HttpStatusCode Status, string Body)> Ask(RunningServer server, string path)
    {
        using var response = await server.Http.GetAsync(path);
        return (response.StatusCode, await response.Content.ReadAsStringAsync());
    }
}
