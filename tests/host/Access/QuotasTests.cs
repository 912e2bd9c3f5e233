using System.Globalization;
using System.Net;
using System.Net.Http.Json;
using Btx.Cli.Tests;
using Btx.Engine;
using Btx.Engine.Requests;
using Btx.Model;
using Btx.Model.Mixing;
using Btx.Server.Access;
using Btx.Server.Requests;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Access;

public sealed class QuotasTests
{
    [Fact]
    public void A_rate_comes_back_evenly_and_never_exceeds_its_limit()
    {
        var clock = new ManualClock();
        var rate = new MinuteRate(60, clock);
        Assert.Null(rate.Take(50));
        Assert.Equal(TimeSpan.FromSeconds(5), rate.Take(15));
        Assert.Equal((10, TimeSpan.FromSeconds(50)), rate.Now());
        clock.Advance(5);
        Assert.Null(rate.Take(15));
        Assert.Equal(TimeSpan.FromSeconds(60), rate.Take(1000));
        rate.Return(1000);
        Assert.Equal((60, TimeSpan.Zero), rate.Now());
        clock.Advance(3600);
        Assert.Equal(60, rate.Now().Left);
        Assert.Equal(("0ms", "120ms", "59.5s", "60s"), (KeyQuota.Text(default), KeyQuota.Text(TimeSpan.FromMilliseconds(119.2)),
            KeyQuota.Text(TimeSpan.FromSeconds(59.5)), KeyQuota.Text(TimeSpan.FromMinutes(1))));
    }

    [Fact]
    public async Task What_a_request_did_not_use_of_its_tokens_is_given_back()
    {
        var key = KeyFiles.Plain with { TokensPerMinute = 1000 };
        var quota = new KeyQuota(key, new ManualClock());
        var engine = new FakeEngine(RunningServer.SomeTokenizer);
        async Task<int> Left(int maxTokens, Func<InferenceService, GenerationRequest, Task>? run = null)
        {
            var caller = new Caller();
            caller.Is(key, quota);
            var service = new InferenceService(engine, RunningServer.SomeTokenizer, new(), caller);
            var request = new GenerationRequest { Prompt = [1, 2, 3], Routing = new(), MaxTokens = maxTokens };
            service.Reserve([request]);
            if (run is not null) await run(service, request);
            else await service.Generate(request, default).ToListAsync();
            caller.End();
            return quota.Tokens!.Now().Left;
        }

        Assert.Equal(1000 - 3 - 4, await Left(4)); // all of it was used
        var whole = RunningServer.SomeTokenizer.Encode(FakeEngine.Completion).Length;
        Assert.Equal(993 - 3 - whole, await Left(500));
        engine.Refusal = new RequestRejectedException(ErrorKind.Busy, "full");
        Assert.Equal(990 - whole, await Left(500, (service, request) =>
            Assert.ThrowsAsync<RequestRejectedException>(() => service.Generate(request, default).ToListAsync().AsTask())));
        engine.Refusal = null;
        Assert.Equal(987 - whole - 1, await Left(500, async (service, request) =>
        {
            await foreach (var _ in service.Generate(request, default)) break; // its client leaves after the first token
        }));
        Assert.Equal(986 - whole - 3,
            await Left(1, (service, _) => service.ScoreAsync(new ScoreRequest([1, 2, 3], new Routing()), default)));
        var refused = await Assert.ThrowsAsync<RequestRejectedException>(() => Left(2000));
        Assert.Contains("has 1000 tokens a minute, and the request may take 2003; shorten it", refused.Message, StringComparison.Ordinal);
        Assert.Equal((ErrorKind.Invalid, "quota_too_small"), (refused.Kind, refused.Problem.Code));
        refused = await Assert.ThrowsAsync<RequestRejectedException>(() => Left(997)); // it may, later
        Assert.Contains("the request may take 1000; try again in ", refused.Message, StringComparison.Ordinal);
        Assert.Equal((ErrorKind.Busy, "rate_limit_exceeded"), (refused.Kind, refused.Problem.Code));
    }

    [Fact]
    public async Task One_request_too_many_is_told_when_to_come_again_over_both_protocols()
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { RequestsPerMinute = 1, TokensPerMinute = 600 }).Token;
        var other = files.Add(KeyFiles.Plain with { RequestsPerMinute = 1 }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        using var first = await Complete(server, token);
        Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        Assert.Equal(("1", "0"), (Header(first, "limit-requests"), Header(first, "remaining-requests")));
        Assert.Equal("600", Header(first, "limit-tokens"));
        Assert.InRange(int.Parse(Header(first, "remaining-tokens"), CultureInfo.InvariantCulture), 500, 599);
        Assert.Matches("^[0-9.]+s$", Header(first, "reset-requests"));
        using var second = await Complete(server, token);
        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
        Assert.InRange(second.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        Assert.Equal("0", Header(second, "remaining-requests"));
        var body = await second.Content.ReadAsStringAsync();
        Assert.Contains("may make 1 requests a minute; try again in ", body, StringComparison.Ordinal);
        Assert.Contains("\"type\":\"rate_limit_error\",\"param\":null,\"code\":\"rate_limit_exceeded\"", body, StringComparison.Ordinal);
        var denied = await Assert.ThrowsAsync<RpcException>(async () => await server.Inference.ScoreAsync(new(), Bearer(token)));
        Assert.Equal(StatusCode.ResourceExhausted, denied.StatusCode);
        using var others = await Complete(server, other); // another key's quota is its own
        Assert.Equal(HttpStatusCode.OK, others.StatusCode);
        Assert.NotEmpty(await server.Http.GetStringAsync("/health"));
        using var models = new HttpRequestMessage(HttpMethod.Get, "/v1/models") { Headers = { { "x-api-key", token } } };
        using var listed = await server.Http.SendAsync(models);
        Assert.Equal(HttpStatusCode.OK, listed.StatusCode); // it counts what generates
    }

    [Fact]
    public async Task Tokens_that_a_request_may_take_are_reserved_before_it_runs()
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { TokensPerMinute = 10 }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        using var refused = await Complete(server, token, maxTokens: 40);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode); // clients try a 429 again
        Assert.Null(refused.Headers.RetryAfter);
        Assert.Contains("\"code\":\"quota_too_small\"", await refused.Content.ReadAsStringAsync(), StringComparison.Ordinal);
        Assert.Null(server.Engine.LastGeneration);
        using var call = server.Inference.Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 40 }, Bearer(token));
        var denied = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(default));
        Assert.Equal(StatusCode.InvalidArgument, denied.StatusCode);
        Assert.Contains("shorten it, or ask for fewer tokens", denied.Status.Detail, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_answers_of_a_request_are_reserved_together_before_the_first_begins()
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { TokensPerMinute = 100 }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        using var body = new StringContent("""{"model":"forest","prompt":"the","max_tokens":40,"n":4,"stream":true,"echo":true}""",
            System.Text.Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, $"{server.HttpAddress}/v1/completions") { Content = body };
        request.Headers.Authorization = new("Bearer", token);
        using var http = new HttpClient();
        using var refused = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.BadRequest, refused.StatusCode);
        Assert.Contains("shorten it, or ask for fewer tokens",
            await refused.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Null(server.Engine.LastGeneration);
    }

    [Fact]
    public async Task Only_so_many_requests_of_a_key_run_at_a_time()
    {
        using var files = new KeyFiles();
        var token = files.Add(KeyFiles.Plain with { Concurrent = 1 }).Token;
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        var release = new TaskCompletionSource();
        server.Engine.Hold = release.Task;
        using var running = server.Inference.Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 5 }, Bearer(token));
        Assert.True(await running.ResponseStream.MoveNext(default));
        using var second = await Complete(server, token);
        Assert.Equal(HttpStatusCode.TooManyRequests, second.StatusCode);
        release.SetResult();
        await running.ResponseStream.ReadAllAsync().ToListAsync();
        await Patience.UntilAsync(async () =>
        {
            using var third = await Complete(server, token);
            return third.StatusCode == HttpStatusCode.OK;
        }, () => "the end of the request that ran");
    }

    private static Task<HttpResponseMessage> Complete(RunningServer server, string token, int maxTokens = 5) =>
        server.Http.SendAsync(new HttpRequestMessage(HttpMethod.Post, "/v1/completions")
        {
            Content = JsonContent.Create(new { model = "forest", prompt = "the", max_tokens = maxTokens }),
            Headers = { { "x-api-key", token } }
        });

    private static string Header(HttpResponseMessage response, string name) => response.Headers.GetValues($"x-ratelimit-{name}").Single();

    private static Metadata Bearer(string token) => new() { { "authorization", $"Bearer {token}" } };
}
