using Btx.Server.Tests.Fakes;
using Btx.V1;
using Google.Protobuf;

namespace Btx.Server.Tests.Attacks;

/// <summary>Frames of HTTP/2 that are each allowed, or nearly so, and together an attack.</summary>
[Collection(AttackedServer.Name)]
public sealed class FrameAttacks(AttackedServer server)
{
    private const string Generate = "/btx.v1.Inference/Generate", Describe = "/btx.v1.Inference/Describe";

    private static byte[] Request(int tokens, int unknownBytes = 0) =>
    [
        .. new GenerateRequest { Prompt = new() { Text = "the cat" }, MaxTokens = tokens, IgnoreEos = true }.ToByteArray(),
        .. unknownBytes == 0 ? [] : (byte[])[0xfa, 0x7f, (byte)(unknownBytes & 127 | 128), (byte)(unknownBytes >> 7 & 127 | 128),
            (byte)(unknownBytes >> 14), .. new byte[unknownBytes]], // field 2047, which nobody knows
    ];

    /// <summary>`:path` without its slash must not slip by the rules that are written for the path with it. CVE-2026-33186.</summary>
    [Theory]
    [InlineData("btx.v1.Forest/RemoveExpert")]
    [InlineData("btx.v1.Inference/Describe")]
    [InlineData("")]
    [InlineData("*")]
    [InlineData("http://localhost/btx.v1.Inference/Describe")]
    public Task A_path_without_a_slash(string path) => server.UnharmedAsync(async () =>
    {
        var removal = new RemoveExpertRequest { By = new() { Author = "mallory", Reason = "an attack" }, Experts = { "beta" } };
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        await connection.SendAsync(RawHttp2.Call(1, path, path.Contains("Remove", StringComparison.Ordinal) ? removal.ToByteArray() : []));
        var end = await connection.FindAsync(f => f.Type is RawFrame.Reset or RawFrame.Headers or RawFrame.GoAway, "an end");
        Assert.NotEqual(RawFrame.Headers, end?.Type);
        Assert.Contains("btx_forest_revision 0\n",
            await server.Process.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    });

    /// <summary>A message in DATA frames of one byte each, on several streams by turns, and with empty ones between.
    /// CVE-2026-84304.</summary>
    [Fact]
    public Task Fragmented_DATA_frames() => server.UnharmedAsync(async () =>
    {
        int[] streams = [1, 3, 5, 7];
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        await connection.SendAsync(streams.Select(stream => RawHttp2.Head(stream, Generate)));
        foreach (var part in RawHttp2.Prefixed(Request(2, unknownBytes: 20_000)).Chunk(1000))
            Assert.True(await connection.SendAsync(part.SelectMany(one => streams.SelectMany(stream => new RawFrame[]
            {
                new(RawFrame.Data, 0, stream, [one]), new(RawFrame.Data, 0, stream, []),
            }))));
        await connection.SendAsync(streams.Select(stream => new RawFrame(RawFrame.Data, RawFrame.EndStream, stream, [])));
        foreach (var stream in streams) Assert.Equal("0", await connection.StatusAsync(stream));
    });

    /// <summary>Rapid reset: streams that are opened with a whole request and given up at once, CVE-2023-44487. Each connection is cut in
    /// the midst of it, and what it asked for is no work any more.</summary>
    [Fact]
    public Task Rapid_reset() => server.UnharmedAsync(async () =>
    {
        var request = Request(500);
        for (var connections = 0; connections < 8; connections++)
        {
            using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
            var made = 0;
            await Patience.UntilAsync(async () => connection.IsClosed || !await connection.SendAsync(Enumerable.Range(made, 100)
                .SelectMany(i => RawHttp2.Call(1 + (2 * i), Generate, request).Append(new(RawFrame.Reset, 0, 1 + (2 * i), [0, 0, 0, 8]))))
                || (made += 100) < 0, () => "the end of the connection", milliseconds: 1);
        }

        await Patience.UntilAsync(async () =>
        {
            var page = await server.Process.Http.GetStringAsync("/metrics");
            return page.Split('\n').Any(line => line is "btx_active_sequences 0" or "btx_active_sequences 1" or "btx_active_sequences 2")
                && page.Contains("btx_queue_depth 0\n", StringComparison.Ordinal);
        }, () => "an idle engine");
    });

    /// <summary>Headers that never end: CVE-2024-27316, with parts of any size.</summary>
    [Theory]
    [InlineData(4000)]
    [InlineData(1)]
    [InlineData(0)]
    public Task A_CONTINUATION_flood(int bytes) => server.UnharmedAsync(async () =>
    {
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        await connection.SendAsync(RawHttp2.Head(1, Generate) with { Flags = 0 });
        var part = new RawFrame(RawFrame.Continuation, 0, 1, bytes < 10 ? [] : RawHttp2.Block(("x", new string('y', bytes)))).Bytes;
        if (bytes == 1) // a header whose text does not end
            await connection.SendAsync(new RawFrame(RawFrame.Continuation, 0, 1, [0, 1, (byte)'x', 127, 0xff, 0xff, 0x03]));
        if (bytes == 1) part = new RawFrame(RawFrame.Continuation, 0, 1, [(byte)'y']).Bytes;
        byte[] burst = [.. Enumerable.Repeat(part, 200).SelectMany(one => one)];
        await Patience.UntilAsync(async () => !await connection.SendAsync(burst) || connection.IsClosed, () => "the connection's end");
        Assert.DoesNotContain(connection.Received, f => f.Type == RawFrame.Headers);
    });

    /// <summary>An HPACK flood: a long header is put into the table once and then named with one byte, thousands of times
    /// (CVE-2016-6581); and a table that is resized again and again.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public Task An_HPACK_flood(bool bomb) => server.UnharmedAsync(async () =>
    {
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        byte[] start = bomb ? [0x40, .. RawHttp2.Text("x"), .. RawHttp2.Text(new string('y', 3900))] : [];
        byte[] more = bomb ? [0xbe] : [0x20, 0x3f, 0xe1, 0x1f]; // the newest entry of the table; sizes 0 and 4096
        var frames = new[] { RawHttp2.Head(1, Describe) with { Flags = 0 } }.Concat(Enumerable.Range(0, 50).Select(i =>
            new RawFrame(RawFrame.Continuation, i == 49 ? RawFrame.EndHeaders : (byte)0, 1,
                [.. i == 0 ? start : [], .. Enumerable.Repeat(more, 2000).SelectMany(one => one)])));
        await connection.SendAsync(frames);
        var end = await connection.FindAsync(f => f.Type is RawFrame.GoAway or RawFrame.Reset or RawFrame.Headers, "an end");
        Assert.NotEqual(RawFrame.Headers, end?.Type);
    });

    /// <summary>PING and SETTINGS frames, each of which wants an answer that the client does not read: CVE-2019-9512, CVE-2019-9515.
    /// </summary>
    [Theory]
    [InlineData(RawFrame.Ping)]
    [InlineData(RawFrame.Settings)]
    public Task A_flood_of_frames_that_want_an_answer(byte type) => server.UnharmedAsync(async () =>
    {
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        byte[] burst = [.. Enumerable.Repeat(new RawFrame(type, 0, 0, type == RawFrame.Ping ? new byte[8] : []).Bytes, 1000)
            .SelectMany(one => one)];
        for (var i = 0; i < 100 && await connection.SendAsync(burst); i++)
        {
            if (connection.IsClosed) break;
        }
    });

    /// <summary>Half-sent messages of gRPC: the prefix promises what does not come, and the call is left open or ended.</summary>
    [Fact]
    public Task Half_sent_messages() => server.UnharmedAsync(async () =>
    {
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        for (var i = 0; i < 60; i++)
            await connection.SendAsync([RawHttp2.Head(1 + (2 * i), Generate), new(RawFrame.Data, i % 2 == 0 ? RawFrame.EndStream : (byte)0,
                1 + (2 * i), [0, 0, 0x30, 0, 0, .. new byte[4000]])]);
        for (var i = 0; i < 60; i += 2) Assert.Equal("3", await connection.StatusAsync(1 + (2 * i))); // INVALID_ARGUMENT
    });

    /// <summary>Size overflows: lengths that a frame or a message cannot have. CVE-2026-27940.</summary>
    [Theory]
    [InlineData(new byte[] { 0, 0xff, 0xff, 0xff, 0xff }, "3", "8")]
    [InlineData(new byte[] { 0, 0x7f, 0xff, 0xff, 0xff }, "3", "8")]
    [InlineData(new byte[] { 0, 0x80, 0, 0, 0 }, "3", "8")]
    public Task Lengths_that_overflow(byte[] prefix, params string[] statuses) => server.UnharmedAsync(async () =>
    {
        using var connection = await RawHttp2.OpenAsync(server.GrpcUri);
        await connection.SendAsync([RawHttp2.Head(1, Generate), new(RawFrame.Data, RawFrame.EndStream, 1, prefix)]);
        Assert.Contains(await connection.StatusAsync(1), statuses);
        await connection.SendAsync((byte[])[0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 3, .. new byte[100]]); // a frame of 16 MiB
        Assert.NotNull(await connection.FindAsync(f => f.Type == RawFrame.GoAway, "the end of the connection"));
    });
}
