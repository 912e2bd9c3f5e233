using System.Globalization;
using System.IO.Compression;
using System.IO.Pipelines;
using Btx.Server.Http.Messages;
using Microsoft.AspNetCore.ResponseCompression;
using Microsoft.Extensions.Options;

namespace Btx.Server.Http;

/// <summary>What clients of HTTP expect beside the answers themselves: HEAD, compression both ways, CORS, the time that an answer
/// took.</summary>
internal static class ClientDetails
{
    private const string ProcessingTime = "openai-processing-ms";
    private static readonly string[] s_exposed = ["x-request-id", "request-id", ProcessingTime, "retry-after", .. RateLimits()];

    public static IServiceCollection AddClientDetails(this IServiceCollection services, AccessOptions access)
    {
        services.AddRequestDecompression()
            .AddResponseCompression(compression =>
            {
                // No secret is in an answer: an attacker who sees the length of compressed answers (BREACH) learns what the client asked.
                compression.EnableForHttps = true;
                compression.MimeTypes = ["application/json"]; // events leave one by one
            })
            .AddSingleton<IResponseCompressionProvider, WorthwhileCompression>()
            .Configure<BrotliCompressionProviderOptions>(brotli => brotli.Level = CompressionLevel.Fastest)
            .Configure<GzipCompressionProviderOptions>(gzip => gzip.Level = CompressionLevel.Fastest);
        if (access.CorsOrigins.Count == 0) return services;
        return services.AddCors(cors => cors.AddDefaultPolicy(policy => policy.WithOrigins([.. access.CorsOrigins])
            .WithMethods("GET", "HEAD", "POST").AllowAnyHeader().WithExposedHeaders(s_exposed)
            .SetPreflightMaxAge(TimeSpan.FromMinutes(10))));
    }

    /// <summary>HEAD is answered as GET is, without the body, which the HTTP layer leaves out.</summary>
    public static void UseHeadAsGet(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (HttpMethods.IsHead(http.Request.Method)) http.Request.Method = HttpMethods.Get;
        return next(http);
    });

    /// <summary>Says with each answer how long it took until it began; to clients of Anthropic's form its id, as they call it.</summary>
    public static void UseAnswerHeaders(this IApplicationBuilder app) => app.Use((http, next) =>
    {
        if (MessagesEndpoints.Serves(http)) http.Response.Headers["request-id"] = http.TraceIdentifier;
        var time = http.RequestServices.GetRequiredService<TimeProvider>();
        var begun = time.GetTimestamp();
        http.Response.OnStarting(() =>
        {
            http.Response.Headers[ProcessingTime] =
                ((long)time.GetElapsedTime(begun).TotalMilliseconds).ToString(CultureInfo.InvariantCulture);
            return Task.CompletedTask;
        });
        return next(http);
    });

    /// <summary>Pages of the sites that the operator named may call; the browser asks first, without a key. After routing, before
    /// access.</summary>
    public static void UseOtherSites(this IApplicationBuilder app)
    {
        if (app.ApplicationServices.GetRequiredService<AccessOptions>().CorsOrigins.Count > 0) app.UseCors();
    }

    /// <summary>A body that its client compressed is decompressed, within the limit of its endpoint; after routing. Answers of some length
    /// are compressed for who takes that.</summary>
    public static void UseEncodedBodies(this IApplicationBuilder app)
    {
        app.Use((http, next) =>
        {
            http.Features.Set(new PlainResponse(http.Features.Get<IHttpResponseBodyFeature>()!));
            return next(http);
        });
        app.UseResponseCompression();
        app.UseRequestDecompression(); // takes the header away with the encoding, and leaves what it does not know as it is
        app.Use((http, next) => http.Request.Headers.ContentEncoding is [] or ["identity"]
            ? next(http)
            : OpenAiError.Invalid("the body's content-encoding is not taken; send it plain, or as gzip, br or deflate",
                status: StatusCodes.Status415UnsupportedMediaType).WriteAsync(http));
    }

    /// <summary>The answer's body without the layer that may compress it, which costs each event something.</summary>
    public static PipeWriter PlainBody(HttpContext http) => http.Features.Get<PlainResponse>()?.Body.Writer ?? http.Response.BodyWriter;

    private static IEnumerable<string> RateLimits() =>
        from what in new[] { "requests", "tokens" }
        from field in new[] { "limit", "remaining", "reset" }
        select $"x-ratelimit-{field}-{what}";

    private sealed record PlainResponse(IHttpResponseBodyFeature Body);

    /// <summary>A short answer is sent as it is.</summary>
    private sealed class WorthwhileCompression(IServiceProvider services, IOptions<ResponseCompressionOptions> options)
        : ResponseCompressionProvider(services, options)
    {
        private const int Worthwhile = 1024; // bytes: about what a packet holds

        public override bool ShouldCompressResponse(HttpContext context) =>
            context.Response.ContentLength is null or >= Worthwhile && base.ShouldCompressResponse(context);
    }
}
