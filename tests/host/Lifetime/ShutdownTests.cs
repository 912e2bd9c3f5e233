using System.Net.Http.Json;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Lifetime;

/// <summary>Graceful shutdown.</summary>
public sealed class ShutdownTests
{
    [Fact]
    public async Task Running_requests_finish_and_new_ones_are_refused()
    {
        await using var server = await RunningServer.StartAsync();
        var release = new TaskCompletionSource();
        server.Engine.Hold = release.Task;
        using var running = server.Inference.Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 60 });
        Assert.True(await running.ResponseStream.MoveNext(default));
        var text = running.ResponseStream.Current.Text;
        using var watch = new global::Grpc.Health.V1.Health.HealthClient(server.Channel).Watch(new());
        await watch.ResponseStream.MoveNext(default);

        var stopping = server.StopAsync();
        await watch.ResponseStream.MoveNext(default); // the shutdown has begun
        using var late = server.Inference.Generate(new() { Prompt = new() { Text = "the" } });
        var failure = await Assert.ThrowsAsync<RpcException>(() => late.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        using var health = await server.Http.GetAsync("/health");
        Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, health.StatusCode);

        release.SetResult();
        while (await running.ResponseStream.MoveNext(default)) text += running.ResponseStream.Current.Text;
        Assert.Equal(FakeEngine.Completion, text);
        await stopping;
    }

    [Fact]
    public async Task Requests_beyond_the_limit_are_ended_and_told_why()
    {
        await using var server = await RunningServer.StartAsync(TimeSpan.FromMilliseconds(50));
        server.Engine.Hold = Task.Delay(Timeout.Infinite);
        using var grpc = server.Inference.Generate(new() { Prompt = new() { Text = "the" } });
        Assert.True(await grpc.ResponseStream.MoveNext(default));
        using var message = new HttpRequestMessage(HttpMethod.Post,
            "/v1/completions")
        { Content = JsonContent.Create(new { model = "forest", prompt = "the", stream = true }) };
        using var http = await server.Http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead);
        var body = http.Content.ReadAsStringAsync();

        var stopping = server.StopAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(() => grpc.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.Unavailable, failure.StatusCode);
        Assert.Contains("shutting down", failure.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("\"code\":\"shutting_down\"", await body, StringComparison.Ordinal);
        await stopping;
        Assert.Equal(0, server.Engine.Running);
    }
}
