using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Btx.Server.Listeners;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;
using Grpc.Core;
using Grpc.Health.V1;

namespace Btx.Server.Tests.Listeners;

/// <summary>What a connection may take, as the operator says.</summary>
public sealed class TransportLimitsTests : IAsyncLifetime
{
    private static readonly TransportLimits s_limits = new()
    {
        HeaderSize = 2,
        Headers = 12,
        RequestLine = 1,
        HeaderTime = 1,
        IdleTime = 1,
        Streams = 9,
        Resets = 5,
        PingInterval = 1,
        PingTime = 1,
        FrameSize = 32,
        StreamWindow = 96,
        ConnectionWindow = 128,
        HeaderTable = 8,
    };

    private RunningServer _server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() =>
        _server = await RunningServer.StartAsync(change: options => RunningServer.WithAdmin(options) with { Transport = s_limits });

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Of_HTTP()
    {
        foreach (var url in new[] { _server.HttpAddress, _server.Urls.Admin! })
        {
            async Task<int> Ask(string lines, string path = "/health") => (await Answer.OfBytesAsync(new(url),
                Encoding.ASCII.GetBytes($"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{lines}\r\n"))).Status;
            string Many(int count) => string.Concat(Enumerable.Range(0, count).Select(i => $"x-{i}: 1\r\n"));
            Assert.Equal(200, await Ask(Many(10)));
            Assert.Equal(431, await Ask(Many(11)));
            Assert.Equal(200, await Ask($"x: {new string('a', 1900)}\r\n"));
            Assert.Equal(431, await Ask($"x: {new string('a', 2100)}\r\n"));
            Assert.Equal(200, await Ask("", $"/health?{new string('a', 950)}"));
            Assert.Equal(414, await Ask("", $"/health?{new string('a', 1050)}"));
        }
    }

    /// <summary>They end: how soon is Kestrel's.</summary>
    [Fact]
    public async Task Of_time_before_and_between_requests() => await Task.WhenAll(
        from url in new[] { _server.HttpAddress, _server.Urls.Admin! }
        from one in new[]
        {
            ("GET /health HTTP/1.1\r\nhost: local", 408), ("GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 200), ("", Answer.None),
        }
        select EndsAsync(url, one.Item1, one.Item2));

    [Fact]
    public async Task Of_HTTP2_as_it_tells_them_and_a_client_that_does_not_answer_a_ping_is_gone()
    {
        await using var server = await RunningServer.StartAsync(change: options =>
            RunningServer.WithAdmin(options) with { Transport = s_limits with { IdleTime = 3600 } }); // else it may be idle too long first
        await Task.WhenAll(SettingsAsync(server.GrpcAddress), SettingsAsync(server.Urls.Admin!));

        static async Task SettingsAsync(string url)
        {
            using var socket = await Answer.ConnectAsync(new(url));
            await socket.SendAsync("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0"u8.ToArray(), Stop);
            Dictionary<int, uint> settings = [];
            uint window = 0;
            var pings = 0;
            while (await FrameAsync(socket) is var (type, payload))
            {
                for (var at = 0; type == 4 && at < payload.Length; at += 6)
                    settings[BinaryPrimitives.ReadUInt16BigEndian(payload.AsSpan(at))] =
                        BinaryPrimitives.ReadUInt32BigEndian(payload.AsSpan(at + 2));
                if (type == 8) window = BinaryPrimitives.ReadUInt32BigEndian(payload) + 65535;
                if (type == 6) pings++;
            }

            Assert.Equal((8u << 10, 9u, 96u << 10, 32u << 10, 2u << 10), (settings[1], settings[3], settings[4], settings[5], settings[6]));
            Assert.Equal(128u << 10, window);
            Assert.True(pings > 0, "no ping came");
        }
    }

    [Fact]
    public async Task One_reset_too_many_ends_the_connection_and_another_is_served()
    {
        var health = new Health.HealthClient(_server.Channel);
        using var watch = health.Watch(new(), cancellationToken: Stop);
        Assert.True(await watch.ResponseStream.MoveNext(Stop));
        for (var round = 0; round < 4; round++) // twenty of five a second: two seconds are not enough for them
        {
            var calls = Enumerable.Range(0, 5).Select(_ => health.Watch(new(), cancellationToken: Stop)).ToList();
            foreach (var call in calls) await Record.ExceptionAsync(() => call.ResponseStream.MoveNext(Stop));
            calls.ForEach(call => call.Dispose());
        }

        await Assert.ThrowsAsync<RpcException>(() => watch.ResponseStream.MoveNext(Stop));
        Assert.Contains(_server.Log.All, line => line.Contains("cancels more than 5 calls in a second", StringComparison.Ordinal));
        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, (await health.CheckAsync(new(), cancellationToken: Stop)).Status);
    }

    private static async Task EndsAsync(string url, string sent, int status)
    {
        using var socket = await Answer.ConnectAsync(new(url)); // and is left open
        await Answer.SendAsync(socket, Encoding.ASCII.GetBytes(sent));
        Assert.Equal(status, (await Answer.ReadAsync(socket)).Status);
    }

    /// <returns>Null: the connection ended.</returns>
    private static async Task<(int Type, byte[] Payload)?> FrameAsync(Socket socket)
    {
        try
        {
            await using var stream = new NetworkStream(socket);
            var head = new byte[9];
            await stream.ReadExactlyAsync(head, Stop);
            var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            await stream.ReadExactlyAsync(payload, Stop);
            return (head[3], payload);
        }
        catch (IOException)
        {
            return null;
        }
    }
}
