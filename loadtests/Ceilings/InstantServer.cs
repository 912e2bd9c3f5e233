using System.Buffers.Binary;
using System.Text.Json;
using Btx.V1;
using Google.Protobuf;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;

namespace Btx.LoadTests.Ceilings;

/// <summary>
/// Both doors without a model: every token is sent and flushed as a server does, as soon as the one before is on its way. It runs in this
/// process, on loopback, so what is measured against
/// it is what the generator can do at least.
/// </summary>
internal sealed class InstantServer : IAsyncDisposable
{
    private static readonly byte[] s_event =
        "data: {\"id\":\"cmpl-0\",\"object\":\"text_completion\",\"created\":0,\"model\":\"forest\",\"choices\":[{\"text\":\" word\",\"logprobs\":{\"tokens\":[\" word\"],\"token_logprobs\":[-1.5],\"top_logprobs\":[{}],\"text_offset\":[0]},\"finish_reason\":null,\"index\":0}],\"usage\":null}\n\n"u8
        .ToArray();
    private static readonly byte[] s_message = Framed(new GenerateResponse { Text = " word", TokenId = 1, Logprob = -1.5 });
    private readonly WebApplication _app;

    private InstantServer(WebApplication app, Uri http, Uri grpc) => (_app, Http, Grpc) = (app, http, grpc);

    public Uri Http { get; }

    public Uri Grpc { get; }

    public static async Task<InstantServer> StartAsync(CancellationToken cancellation)
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.Logging.ClearProviders();
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MinResponseDataRate = null;
            kestrel.Limits.MinRequestBodyDataRate = null;
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, door => door.Protocols = HttpProtocols.Http1);
            kestrel.Listen(System.Net.IPAddress.Loopback, 0, door => door.Protocols = HttpProtocols.Http2);
        });
        var app = builder.Build();
        app.Run(context => context.Request.Path.Value switch
        {
            "/btx.v1.Inference/Generate" => GenerateAsync(context),
            "/v1/completions" => CompleteAsync(context),
            _ => NotFound(context),
        });
        await app.StartAsync(cancellation).ConfigureAwait(false);
        Uri[] doors = [.. app.Urls.Select(url => new Uri(url))];
        return new(app, doors[0], doors[1]);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync().ConfigureAwait(false);

    private static async Task GenerateAsync(HttpContext context)
    {
        var body = await ReadAsync(context).ConfigureAwait(false);
        var request = GenerateRequest.Parser.ParseFrom(body.AsSpan(5));
        context.Response.ContentType = "application/grpc";
        for (var i = 1; i < request.MaxTokens; i++) await SendAsync(context, s_message).ConfigureAwait(false);
        var last = new GenerateResponse
        {
            Text = " word",
            TokenId = 1,
            Logprob = -1.5,
            FinishReason = FinishReason.Length,
            Usage = new() { PromptTokens = Words(request.Prompt.Text), CompletionTokens = request.MaxTokens }
        };
        await SendAsync(context, Framed(last)).ConfigureAwait(false);
        context.Response.AppendTrailer("grpc-status", "0");
    }

    private static async Task CompleteAsync(HttpContext context)
    {
        int tokens, words;
        using (var request = JsonDocument.Parse(await ReadAsync(context).ConfigureAwait(false)))
            (tokens, words) = (request.RootElement.GetProperty("max_tokens").GetInt32(),
                Words(request.RootElement.GetProperty("prompt").GetString()!));
        context.Response.ContentType = "text/event-stream";
        for (var i = 0; i < tokens; i++) await SendAsync(context, s_event).ConfigureAwait(false);
        var end = "data: {\"choices\":[{\"text\":\"\",\"logprobs\":null,\"finish_reason\":\"length\",\"index\":0}]}\n\ndata: "
            + $"{{\"choices\":[],\"usage\":{{\"prompt_tokens\":{words},\"completion_tokens\":{tokens}}}}}\n\ndata: [DONE]\n\n";
        await SendAsync(context, System.Text.Encoding.UTF8.GetBytes(end)).ConfigureAwait(false);
    }

    private static Task NotFound(HttpContext context)
    {
        context.Response.StatusCode = StatusCodes.Status404NotFound;
        return Task.CompletedTask;
    }

    private static async Task SendAsync(HttpContext context, byte[] bytes)
    {
        await context.Response.Body.WriteAsync(bytes, context.RequestAborted).ConfigureAwait(false);
        await context.Response.Body.FlushAsync(context.RequestAborted).ConfigureAwait(false);
    }

    private static async Task<byte[]> ReadAsync(HttpContext context)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted).ConfigureAwait(false);
        return body.ToArray();
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
