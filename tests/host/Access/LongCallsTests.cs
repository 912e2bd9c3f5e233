using System.Globalization;
using System.Security.Claims;
using Btx.Cli.Tests;
using Btx.Server.Access;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Btx.Server.Tests.Access;

/// <summary>A call does not outlive the key that it came with.</summary>
public sealed class LongCallsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_runs_for_a_key_that_was_revoked_or_has_expired_ends_and_the_rest_goes_on()
    {
        using var files = new KeyFiles();
        var both = KeyFiles.Plain with { Scopes = ["generate", "observe"] };
        var ((id, revoked), (_, expiring)) = (files.Add(both), files.Add(both with { Expires = DateTimeOffset.UtcNow.AddSeconds(4) }));
        var good = files.Add("observe", "generate");
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        server.Engine.Hold = Task.Delay(Timeout.Infinite, Stop);
        var watches = new List<AsyncServerStreamingCall<V1.ForestEvent>>();
        foreach (var key in new[] { revoked, expiring, good })
        {
            watches.Add(server.Forest.Watch(new(), Bearer(key), cancellationToken: Stop));
            await watches[^1].ResponseHeadersAsync;
        }

        var request = new V1.GenerateRequest { Prompt = new() { Text = "the" } };
        using var generation = server.Inference.Generate(request, Bearer(revoked), cancellationToken: Stop);
        Assert.True(await generation.ResponseStream.MoveNext(Stop));
        using var other = server.Inference.Generate(request, Bearer(good), cancellationToken: Stop);
        Assert.True(await other.ResponseStream.MoveNext(Stop));
        using var asked = new HttpRequestMessage(HttpMethod.Get, "/v1/forest/events") { Headers = { { "x-api-key", revoked } } };
        using var events = await server.Http.SendAsync(asked, HttpCompletionOption.ResponseHeadersRead, Stop);
        files.Revoke(id);
        foreach (var watch in watches[..2])
        {
            var ended = await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Stop));
            Assert.Equal((StatusCode.Unauthenticated, "the key was revoked, or it has expired, since the call began"),
                (ended.StatusCode, ended.Status.Detail));
        }

        Assert.Equal("""
            {"error":{"message":"the key was revoked, or it has expired, since the call began",
            """ + """
            "type":"invalid_request_error","param":null,"code":"invalid_api_key"}}
            """ + "\n", await events.Content.ReadAsStringAsync(Stop));
        await Assert.ThrowsAsync<RpcException>(() => generation.ResponseStream.MoveNext(Stop));
        await Patience.UntilAsync(() => server.Engine.Running == 1, "the end of the generation in the engine");
        var next = watches[2].ResponseStream.MoveNext(Stop);
        await Task.Delay(2 * LongCalls.Between, Stop); // it is looked at again
        Assert.False(next.IsCompleted || other.ResponseStream.MoveNext(Stop).IsCompleted);
        watches.ForEach(watch => watch.Dispose());
    }

    [Theory]
    [InlineData(-20, false)] // clocks may differ by so much
    [InlineData(-40, true)]
    public async Task A_call_does_not_outlive_a_token_either(int seconds, bool ends)
    {
        var clock = new ManualClock();
        using var calls = new LongCalls(new(new(), NullLogger<KeyRing>.Instance), clock);
        await using var services = new ServiceCollection().AddScoped<Caller>().BuildServiceProvider();
        var expiry = DateTimeOffset.UtcNow.AddSeconds(seconds).ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var http = new DefaultHttpContext { RequestServices = services, User = new(new ClaimsIdentity([new("exp", expiry)], "jwt")) };
        await calls.FollowAsync(http, _ =>
        {
            clock.Advance(1);
            Assert.Equal(ends, services.GetRequiredService<Caller>().Ended.IsCancellationRequested);
            return Task.CompletedTask;
        });
    }

    private static Metadata Bearer(string token) => new() { { "authorization", $"Bearer {token}" } };
}
