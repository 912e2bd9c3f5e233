using System.Net;
using System.Net.Http.Json;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;

namespace Btx.Server.Tests.Lifetime;

/// <summary>A server listens before it can answer, and says so.</summary>
public sealed class LoadingTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task It_is_live_and_not_ready_and_then_serves_by_the_same_connections()
    {
        await using var server = await RunningServer.StartAsync(loaded: false);
        var health = new Health.HealthClient(server.Channel);
        using var watch = health.Watch(new(), cancellationToken: Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.NotServing, (await health.CheckAsync(new(), cancellationToken: Stop)).Status);
        Assert.Equal("""200 {"status":"live"}""", await AskAsync(server, "/health/live"));
        Assert.Equal("""503 {"status":"loading"}""", await AskAsync(server, "/health/ready"));
        Assert.Equal("""503 {"status":"loading"}""", await AskAsync(server, "/health"));
        foreach (var path in new[] { "/v1/models", "/v1/forest", "/metrics", "/v1/nothing" })
        {
            using var refused = await server.Http.GetAsync(path, Stop);
            Assert.Equal((HttpStatusCode.ServiceUnavailable, true), (refused.StatusCode, refused.Headers.RetryAfter is not null));
            Assert.Equal("""{"error":{"message":"what this server serves is being loaded; try again soon","type":"server_error","""
                + "\"param\":null,\"code\":\"loading\"}}", await refused.Content.ReadAsStringAsync(Stop));
        }

        var body = new { model = "forest", prompt = "the", max_tokens = 1 };
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.Http.PostAsJsonAsync("/v1/completions", body, Stop)).StatusCode);
        foreach (var call in new Func<Task>[]
        {
            async () => await server.Inference.DescribeAsync(new(), cancellationToken: Stop),
            async () => await server.Forest.ListExpertsAsync(new(), cancellationToken: Stop),
            async () => await server.Forest.Watch(new(), cancellationToken: Stop).ResponseStream.MoveNext(Stop),
        })
            Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(call)).StatusCode);

        server.Load();
        Assert.Equal("""200 {"status":"serving"}""", await AskAsync(server, "/health/ready"));
        Assert.Equal(HttpStatusCode.OK, (await server.Http.PostAsJsonAsync("/v1/completions", body, Stop)).StatusCode);
        Assert.Contains("btx_forest_revision 0", await server.Http.GetStringAsync("/metrics", Stop), StringComparison.Ordinal);
        Assert.Equal(3, (await server.Inference.DescribeAsync(new(), cancellationToken: Stop)).Experts.Count);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, watch.ResponseStream.Current.Status);
    }

    [Fact]
    public async Task Who_is_nobody_is_told_that_first_and_it_can_be_shut_down()
    {
        using var files = new KeyFiles();
        var key = files.Add("observe");
        await using var server = await RunningServer.StartAsync(loaded: false, access: new() { KeyFile = files.Keys });
        Assert.Equal(HttpStatusCode.Unauthorized, (await server.Http.GetAsync("/v1/models", Stop)).StatusCode);
        server.Http.DefaultRequestHeaders.Add("x-api-key", key);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, (await server.Http.GetAsync("/v1/models", Stop)).StatusCode);
        await server.StopAsync();
    }

    private static async Task<string> AskAsync(RunningServer server, string path)
    {
        using var response = await server.Http.GetAsync(path, Stop);
        return $"{(int)response.StatusCode} {await response.Content.ReadAsStringAsync(Stop)}";
    }
}
