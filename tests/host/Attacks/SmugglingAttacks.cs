using System.Text;
using System.Text.RegularExpressions;

namespace Btx.Server.Tests.Attacks;

/// <summary>Bytes in which a proxy and this server could see requests end at different places; and requests that never end.</summary>
[Collection(AttackedServer.Name)]
public sealed class SmugglingAttacks(AttackedServer server)
{
    private const string Chunked = "transfer-encoding: chunked\r\n";
    private const string Hidden = "GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n";

    /// <summary>Request smuggling, with chunk extensions first of all: CVE-2025-55315. What is hidden must not be answered.</summary>
    [Theory]
    [InlineData(Chunked, "2;\nxx\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2;a=b\rc\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2;\rxx\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2;a=\"\n\"\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2\r{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2\r\n{}\n0\r\n\r\n")]
    [InlineData(Chunked, "2 \r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "0x2\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "-2\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "100000002\r\n{}\r\n0\r\n\r\n")]
    [InlineData(Chunked, "2\r\n{}\r\n0;\nx\r\n\r\n")]
    [InlineData("transfer-encoding: identity, chunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("transfer-encoding: chunked, identity\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("transfer-encoding: xchunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("transfer-encoding:\u000bchunked\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n", "2\r\n{}\r\n0\r\n\r\n")]
    [InlineData("content-length: 2\r\ncontent-length: 3\r\n", "{}")]
    [InlineData("content-length: 2, 2\r\n", "{}")]
    [InlineData("content-length: +2\r\n", "{}")]
    [InlineData("content-length: 0000000000000000000000000000000000000000000002\r\n", "{}")]
    [InlineData("content-length: 2\u000b\r\n", "{}")]
    [InlineData("content-length : 2\r\n", "{}")]
    [InlineData("content-length: 2\n", "{}")]
    [InlineData("x: y\r\n content-length: 2\r\n", "{}")]
    [InlineData("content-length: 18446744073709551618\r\n", "{}")]
    public Task Chunk_extensions_and_lengths_that_can_be_read_in_two_ways(string headers, string body) => server.UnharmedAsync(async () =>
    {
        var answer = await Answer.OfBytesAsync(server.HttpUri, Encoding.Latin1.GetBytes($"POST /v1/completions HTTP/1.1\r\nhost: "
            + $"{server.HttpUri.Authority}\r\ncontent-type: application/json\r\n{headers}\r\n{body}{Hidden}"));
        Assert.Equal(400, answer.Status);
        Assert.Single(Regex.Matches(answer.Text, "HTTP/1.1 "));
        Assert.DoesNotContain("max_model_len", answer.Text, StringComparison.Ordinal);
    });

    /// <summary>Both lengths: the chunks count, and nothing is read behind them.</summary>
    [Fact]
    public Task A_length_beside_chunks() => server.UnharmedAsync(async () =>
    {
        var answer = await Answer.OfBytesAsync(server.HttpUri, Encoding.Latin1.GetBytes($"POST /v1/completions HTTP/1.1\r\nhost: "
            + $"{server.HttpUri.Authority}\r\ncontent-type: application/json\r\ncontent-length: 5\r\n{Chunked}\r\n0\r\n\r\n{Hidden}"));
        Assert.Equal(400, answer.Status);
        Assert.DoesNotContain("max_model_len", answer.Text, StringComparison.Ordinal);
    });

    /// <summary>Slow headers and slow bodies, a byte now and then, over both protocols at once (CVE-2007-6750): each ends.</summary>
    [Fact]
    public Task Slow_headers_and_slow_bodies() => server.UnharmedAsync(async () =>
    {
        var head = Encoding.Latin1.GetBytes($"POST /v1/completions HTTP/1.1\r\nhost: {server.HttpUri.Authority}\r\nx: ");
        var body = Encoding.Latin1.GetBytes($"POST /v1/completions HTTP/1.1\r\nhost: {server.HttpUri.Authority}\r\ncontent-type: "
            + "application/json\r\ncontent-length: 1000\r\n\r\n{");
        async Task<int> DripAsync(Uri port, byte[] first, byte[] drop)
        {
            using var socket = await Answer.ConnectAsync(port);
            await Answer.SendAsync(socket, first);
            var answer = Answer.ReadAsync(socket);
            while (!answer.IsCompleted)
            {
                await Answer.SendAsync(socket, drop);
                await Task.WhenAny(answer, Task.Delay(300));
            }

            return (await answer).Status;
        }

        byte[] rpc = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. new RawFrame(RawFrame.Settings, 0, 0, []).Bytes,
            .. (RawHttp2.Head(1, "/btx.v1.Inference/Generate") with { Flags = 0 }).Bytes];
        int[][] statuses = await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, 20).Select(_ => DripAsync(server.HttpUri, head, "y"u8.ToArray()))),
            Task.WhenAll(Enumerable.Range(0, 20).Select(_ => DripAsync(server.HttpUri, body, " "u8.ToArray()))),
            Task.WhenAll(Enumerable.Range(0, 20).Select(_ => DripAsync(server.GrpcUri, rpc,
                new RawFrame(RawFrame.Continuation, 0, 1, []).Bytes))));
        Assert.All(statuses[0].Concat(statuses[1]), status => Assert.Equal(408, status));
    });
}
