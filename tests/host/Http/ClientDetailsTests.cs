using System.IO.Compression;
using System.Net;
using System.Text;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Http;

/// <summary>CORS, compressed answers, and the headers that clients look for.</summary>
public sealed class ClientDetailsTests
{
    private const string Site = "https://app.example.com";
    private const string Long = """{"model":"forest","prompt":"the","max_tokens":40,"logprobs":5}""";

    [Fact]
    public async Task Pages_of_the_sites_that_are_named_may_call_with_a_key()
    {
        using var files = new KeyFiles();
        var key = files.Add("generate");
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys, CorsOrigins = [Site] });
        using var preflight = await PreflightAsync(server, Site); // browsers send no key with it
        Assert.Equal(HttpStatusCode.NoContent, preflight.StatusCode);
        Assert.Equal((Site, "authorization,content-type,x-stainless-os"), (Header(preflight, "access-control-allow-origin"),
            Header(preflight, "access-control-allow-headers")));
        Assert.Contains("POST", Header(preflight, "access-control-allow-methods"), StringComparison.Ordinal);
        Assert.Null(Header(preflight, "access-control-allow-credentials"));
        using var other = await PreflightAsync(server, "https://elsewhere.example");
        Assert.Null(Header(other, "access-control-allow-origin"));

        server.Http.DefaultRequestHeaders.Add("origin", Site);
        using var refused = await server.SendAsync("/v1/completions", Long); // a page may read why it was refused
        Assert.Equal((HttpStatusCode.Unauthorized, Site), (refused.StatusCode, Header(refused, "access-control-allow-origin")));
        server.Http.DefaultRequestHeaders.Add("authorization", $"Bearer {key}");
        using var answer = await server.SendAsync("/v1/completions", Long);
        Assert.Equal((HttpStatusCode.OK, Site), (answer.StatusCode, Header(answer, "access-control-allow-origin")));
        foreach (var name in new[] { "x-request-id", "openai-processing-ms", "retry-after", "x-ratelimit-remaining-tokens" })
            Assert.Contains(name, Header(answer, "access-control-expose-headers")!.Split(','));
    }

    [Fact]
    public async Task Without_a_site_that_is_named_no_page_may()
    {
        await using var server = await RunningServer.StartAsync();
        using var preflight = await PreflightAsync(server, Site);
        Assert.Equal((HttpStatusCode.MethodNotAllowed, null), (preflight.StatusCode, Header(preflight, "access-control-allow-origin")));
    }

    [Theory]
    [InlineData("app.example.com")]
    [InlineData("https://app.example.com/")]
    [InlineData("https://app.example.com/page")]
    [InlineData("https://me@app.example.com")]
    [InlineData("https://app.example.com:443")]
    [InlineData("file:///index.html")]
    [InlineData("null")]
    public void What_no_browser_sends_is_no_origin(string origin)
    {
        var loopback = new IPEndPoint(IPAddress.Loopback, 0);
        var e = Assert.Throws<BtxException>(() => new AccessOptions { CorsOrigins = ["http://localhost:3000", "*", Site, origin] }
            .Open(new("--http", loopback), new("--grpc", loopback)));
        Assert.StartsWith($"--cors-origins has \"{origin}\"", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gzip", "gzip")]
    [InlineData("br", "br")]
    [InlineData("gzip, br", "br")]
    [InlineData("zstd", null)]
    [InlineData(null, null)]
    public async Task A_long_answer_is_compressed_for_who_takes_that(string? accepted, string? encoding)
    {
        await using var server = await RunningServer.StartAsync();
        var plain = await (await server.SendAsync("/v1/completions", Long)).Content.ReadAsByteArrayAsync();
        if (accepted is not null) server.Http.DefaultRequestHeaders.Add("accept-encoding", accepted);
        using var answer = await server.SendAsync("/v1/completions", Long);
        Assert.Equal(encoding, answer.Content.Headers.ContentEncoding.SingleOrDefault());
        var bytes = await answer.Content.ReadAsByteArrayAsync();
        Stream read = encoding switch
        {
            "gzip" => new GZipStream(new MemoryStream(bytes), CompressionMode.Decompress),
            "br" => new BrotliStream(new MemoryStream(bytes), CompressionMode.Decompress),
            _ => new MemoryStream(bytes),
        };
        using var text = new StreamReader(read);
        Assert.StartsWith("{\"id\":\"cmpl-", await text.ReadToEndAsync(), StringComparison.Ordinal);
        if (encoding is not null) Assert.InRange(bytes.Length, 1, plain.Length - 1);
        using var brief = await server.SendAsync("/v1/completions", """{"model":"forest","prompt":"the","max_tokens":1}""");
        Assert.Empty(brief.Content.Headers.ContentEncoding);
        Assert.NotNull(brief.Content.Headers.ContentLength);
    }

    [Fact]
    public async Task Every_answer_says_how_long_it_took_and_HEAD_is_GET_without_a_body()
    {
        await using var server = await RunningServer.StartAsync();
        foreach (var path in new[] { "/v1/models", "/v1/models/forest", "/v1/nothing", "/health" })
        {
            using var get = await server.Http.GetAsync(path);
            using var head = await server.Http.SendAsync(new(HttpMethod.Head, path));
            Assert.Equal(get.StatusCode, head.StatusCode);
            Assert.Empty(await head.Content.ReadAsByteArrayAsync());
            Assert.All([get, head], answer => Assert.True(long.Parse(Header(answer, "openai-processing-ms")!) >= 0));
        }
    }

    [Fact]
    public async Task Embeddings_are_refused_with_the_reason_and_what_there_is_instead()
    {
        await using var server = await RunningServer.StartAsync();
        var (status, error) = await server.RefusalAsync("/v1/embeddings", """{"model":"forest","input":"a"}""");
        Assert.Equal((400, "invalid_request_error", "model"), (status, error.Text("type"), error.Text("param")));
        Assert.Contains("no hidden state", error.Text("message"), StringComparison.Ordinal);
        Assert.Contains("/v1/completions", error.Text("message"), StringComparison.Ordinal);
    }

    private static string? Header(HttpResponseMessage answer, string name) =>
        answer.Headers.TryGetValues(name, out var values) ? string.Join(',', values) : null;

    private static Task<HttpResponseMessage> PreflightAsync(RunningServer server, string origin) =>
        server.Http.SendAsync(new(HttpMethod.Options, "/v1/chat/completions")
        {
            Headers =
            {
                { "origin", origin },
                { "access-control-request-method", "POST" },
                { "access-control-request-headers", "authorization,content-type,x-stainless-os" },
            },
        });
}
