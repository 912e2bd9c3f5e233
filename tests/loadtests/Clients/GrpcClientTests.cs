using System.Buffers.Binary;
using Btx.LoadTests.Clients;
using Btx.LoadTests.Tests.Fakes;
using Btx.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Btx.LoadTests.Tests.Clients;

public sealed class GrpcClientTests
{
    private static readonly CompletionRequest s_request = new("a prompt", 3, new("top_k", 2), Temperature: 0, Seed: 5);
    private static readonly GenerateResponse s_token = new() { Text = "a", TokenId = 1 };
    private static readonly GenerateResponse s_last = new()
    {
        TokenId = 2,
        FinishReason = FinishReason.Length,
        Usage = new() { PromptTokens = 7, CompletionTokens = 3, ExpertSteps = { { "law", 3 }, { "art", 0 } } },
    };

    [Fact]
    public async Task It_sends_what_is_asked_and_counts_what_arrives()
    {
        GenerateRequest? seen = null;
        string? key = null;
        await using var server = await ServeAsync(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body);
            (seen, key) = (GenerateRequest.Parser.ParseFrom(body.ToArray().AsSpan(5)), context.Request.Headers.Authorization);
            await AnswerAsync(context, 0, "", s_token, new GenerateResponse { Text = "held back" }, s_token, s_last);
        });
        await using var client = new GrpcClient(server.Address, "secret");
        var arrivals = new TokenArrivals(TimeProvider.System, 1);
        var answer = await client.GenerateAsync(s_request, arrivals, CancellationToken.None);
        Assert.Null(answer.Error);
        Assert.Equal(("ok", "length", 7, (int?)3), (answer.Status, answer.Finish, answer.PromptTokens, answer.CompletionTokens));
        Assert.Equal(new Dictionary<string, double> { ["law"] = 3 }, answer.ExpertTokens);
        Assert.Equal(3, arrivals.Count);
        Assert.Equal("Bearer secret", key);
        Assert.Equal(
            new GenerateRequest
            {
                Prompt = new() { Text = "a prompt" },
                MaxTokens = 3,
                IgnoreEos = true,
                Sampling = new() { Temperature = 0, Seed = 5 },
                Routing = new() { Mode = Mode.TopK, K = 2 }
            }, seen);
    }

    [Theory]
    [InlineData(8, "the queue is full", "resource_exhausted")]
    [InlineData(16, "who are you?", "unauthenticated")]
    [InlineData(14, "shutting down", "unavailable")]
    public async Task A_refusal_is_its_status(int code, string message, string status)
    {
        await using var server = await ServeAsync(context => AnswerAsync(context, code, message));
        await using var client = new GrpcClient(server.Address);
        var answer = await client.GenerateAsync(s_request, new(TimeProvider.System, 1), CancellationToken.None);
        Assert.Equal((status, message), (answer.Status, answer.Error));
    }

    [Fact]
    public async Task A_stream_that_breaks_or_lacks_its_end_was_cut_off()
    {
        await using var broken = await ServeAsync(async context =>
        {
            await SendAsync(context, s_token);
            context.Abort();
        });
        await using var client = new GrpcClient(broken.Address);
        var arrivals = new TokenArrivals(TimeProvider.System, 1);
        Assert.Equal("cut_off", (await client.GenerateAsync(s_request, arrivals, CancellationToken.None)).Status);
        await using var silent = await ServeAsync(context => AnswerAsync(context, 0, "", s_token));
        await using var other = new GrpcClient(silent.Address);
        Assert.Equal("cut_off", (await other.GenerateAsync(s_request, new(TimeProvider.System, 1), CancellationToken.None)).Status);
    }

    [Fact]
    public async Task Nobody_at_the_address_is_unreachable_and_a_wrong_key_says_what_to_do()
    {
        await using var client = new GrpcClient(ScriptedServer.Nobody());
        Assert.Equal("unreachable", (await client.GenerateAsync(s_request, new(TimeProvider.System, 1), CancellationToken.None)).Status);
        Assert.Contains("no server listens at http://127.0.0.1:",
            (await Assert.ThrowsAsync<LoadTestException>(() => client.DescribeAsync(CancellationToken.None))).Message);
        await using var server = await ServeAsync(context => AnswerAsync(context, 16, "no"));
        await using var refused = new GrpcClient(server.Address, "wrong");
        Assert.Contains("refused the key (unauthenticated); give the right one with --api-key-file FILE",
            (await Assert.ThrowsAsync<LoadTestException>(() => refused.DescribeAsync(CancellationToken.None))).Message);
        await using var http = new ScriptedServer(ScriptedServer.Answer("400 Bad Request", ""));
        await using var wrong = new GrpcClient(http.Address);
        Assert.Contains("gRPC address of --server",
            (await Assert.ThrowsAsync<LoadTestException>(() => wrong.DescribeAsync(CancellationToken.None))).Message);
    }

    private static async Task<Server> ServeAsync(RequestDelegate answer)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore()
            .ConfigureKestrel(k => k.Listen(System.Net.IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        var app = builder.Build();
        app.Run(answer);
        await app.StartAsync();
        return new(app);
    }

    private static async Task AnswerAsync(HttpContext context, int status, string message, params GenerateResponse[] responses)
    {
        context.Response.ContentType = "application/grpc";
        foreach (var response in responses) await SendAsync(context, response);
        context.Response.AppendTrailer("grpc-status", $"{status}");
        if (message.Length > 0) context.Response.AppendTrailer("grpc-message", message);
    }

    private static async Task SendAsync(HttpContext context, GenerateResponse response)
    {
        if (!context.Response.HasStarted) context.Response.ContentType = "application/grpc";
        var frame = new byte[5 + response.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        response.WriteTo(frame.AsSpan(5));
        await context.Response.Body.WriteAsync(frame);
        await context.Response.Body.FlushAsync();
    }

    private sealed class Server(WebApplication app) : IAsyncDisposable
    {
        public Uri Address { get; } = new(app.Urls.Single());

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}
