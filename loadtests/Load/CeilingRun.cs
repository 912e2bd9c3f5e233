using System.Buffers.Binary;
using System.Text;
using Btx.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Btx.LoadTests.Load;

/// <summary>Measures what the generator itself can do.</summary>
public static class CeilingRun
{
    /// <summary>A load above this share of the ceiling is near measuring the generator.</summary>
    public const double SafeShare = 0.5;

    private const int Tries = 4; // a machine that stands still for the time that is measured

    /// <summary>Longer, where nothing ended in that time.</summary>
    /// <param name="seconds">That are measured; a fourth as many go before.</param>
    public static async Task<Ceiling> MeasureAsync(string kind, int concurrency, double seconds, Lengths prompts, Lengths outputs,
        CancellationToken cancellation)
    {
        await using var server = await InstantServer.StartAsync(cancellation);
        await using IServerClient client = kind == "grpc" ? new GrpcClient(new(server.Urls.Last()))
            : new OpenAiClient(new(server.Urls.First()));
        var (words, tokens) = ((int)Math.Max(1, prompts.Median), (int)Math.Max(1, outputs.Median));
        var text = string.Join(' ', Enumerable.Repeat("word", words));
        var texts = new PromptTexts(new Dictionary<string, string[]> { ["word"] = [text] }, "a word");
        var ruler = new PromptRuler(new Dictionary<string, (double, double)> { ["word"] = ("word ".Length, "word ".Length) }, 0);
        var plan = new LoadPlan(Arrivals.Closed(concurrency), texts, ruler, DomainMix.Read("", null, texts.Domains),
            Lengths.Fixed(words), Lengths.Fixed(tokens), 0);
        for (var tries = 0; tries < Tries; tries++, seconds *= 2)
        {
            var bounds = new LoadBounds { WarmUpSeconds = Math.Max(0.25, seconds / 4), Seconds = seconds };
            var load = new LoadRun(client, new([], [], [], [], 0, 0, "", ""), plan, new("ensemble"), bounds);
            var outcome = await load.RunAsync(cancellation);
            cancellation.ThrowIfCancellationRequested();
            if (outcome.Records.FirstOrDefault(r => !r.Ok) is { } failed)
                throw new LoadTestException($"the ceiling could not be measured: {failed.Status}: {failed.Error}");
            if (outcome.Summarise() is { TokensPerSecond: > 0, RequestsPerSecond: > 0 } summary)
                return new(kind, concurrency, summary.RequestsPerSecond, summary.TokensPerSecond,
                    outcome.ProcessorShare / summary.TokensPerSecond);
        }

        throw new LoadTestException($"the ceiling could not be measured: no request ended in {seconds / 2} s; is the machine busy?");
    }

    /// <summary>The larger of a load's shares of the ceiling: of its tokens and of its requests a second.</summary>
    public static double Share(Ceiling ceiling, LoadSummary load) => Math.Max(load.TokensPerSecond / ceiling.TokensPerSecond,
        ceiling.RequestsPerSecond > 0 ? load.RequestsPerSecond / ceiling.RequestsPerSecond : 0);
}

/// <summary>gRPC and HTTP without a model, in this process: every token is sent and flushed as a server does, at once.</summary>
internal static class InstantServer
{
    private static readonly byte[] s_event = Encoding.UTF8.GetBytes("""
        data: {"id":"cmpl-0","object":"text_completion","created":0,"model":"forest","choices":[{"text":" word","logprobs":
        {"tokens":[" word"],"token_logprobs":[-1.5],"top_logprobs":[{}],"text_offset":[0]},"finish_reason":null,"index":0}],"usage":null}
        """.ReplaceLineEndings("") + "\n\n");
    private static readonly byte[] s_message = Framed(new GenerateResponse { Text = " word", TokenId = 1, Logprob = -1.5 });

    /// <returns>It listens at two addresses: HTTP, then gRPC.</returns>
    public static async Task<WebApplication> StartAsync(CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            foreach (var protocol in new[] { HttpProtocols.Http1, HttpProtocols.Http2 })
                kestrel.Listen(System.Net.IPAddress.Loopback, 0, endpoint => endpoint.Protocols = protocol);
        });
        var app = builder.Build();
        app.Run(async context =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            await (context.Request.Path == "/v1/completions" ? CompleteAsync(context, body.ToArray())
                : GenerateAsync(context, body.ToArray()));
        });
        await app.StartAsync(cancellation);
        return app;
    }

    private static async Task GenerateAsync(HttpContext context, byte[] body)
    {
        var request = GenerateRequest.Parser.ParseFrom(body.AsSpan(5));
        context.Response.ContentType = "application/grpc";
        for (var i = 1; i < request.MaxTokens; i++) await SendAsync(context, s_message);
        await SendAsync(context, Framed(new GenerateResponse
        {
            Text = " word",
            TokenId = 1,
            Logprob = -1.5,
            FinishReason = FinishReason.Length,
            Usage = new() { PromptTokens = Words(request.Prompt.Text), CompletionTokens = request.MaxTokens },
        }));
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task CompleteAsync(HttpContext context, byte[] body)
    {
        using var request = JsonDocument.Parse(body);
        var tokens = request.RootElement.GetProperty("max_tokens").GetInt32();
        var words = Words(request.RootElement.GetProperty("prompt").GetString()!);
        context.Response.ContentType = "text/event-stream";
        for (var i = 0; i < tokens; i++) await SendAsync(context, s_event);
        string[] end = ["""{"choices":[{"text":"","logprobs":null,"finish_reason":"length","index":0}]}""",
            $$$"""{"choices":[],"usage":{"prompt_tokens":{{{words}}},"completion_tokens":{{{tokens}}}}}""", "[DONE]"];
        await SendAsync(context, Encoding.UTF8.GetBytes(string.Concat(end.Select(e => $"data: {e}\n\n"))));
    }

    private static async Task SendAsync(HttpContext context, byte[] bytes)
    {
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    private static int Words(string text) => 1 + text.AsSpan().Count(' ');

    // A message of gRPC: not compressed, its length, itself.
    private static byte[] Framed(GenerateResponse message)
    {
        var frame = new byte[5 + message.CalculateSize()];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), frame.Length - 5);
        message.WriteTo(frame.AsSpan(5));
        return frame;
    }
}
