using System.Net.Sockets;
using System.Text;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Listeners;

/// <summary>Requests that break off, or are none: their client's fault, counted as such, in one line without a stack.</summary>
public sealed class BrokenOffTests
{
    private const string Head = "POST /v1/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n";
    private const string Expect = "expect: 100-continue\r\n";
    private const string HalfSent = Head + "content-length: 400\r\n\r\n{";
    private const string HalfChunked = Head + "transfer-encoding: chunked\r\n\r\n5\r\n{    \r\n";
    private static readonly TimeSpan s_hang = TimeSpan.FromSeconds(10);

    [Theory]
    [InlineData(HalfSent, true)]
    [InlineData(HalfChunked, true)]
    [InlineData(Head + "content-encoding: gzip\r\ncontent-length: 400\r\n\r\n\u001f", true)]
    [InlineData(HalfSent, false)]
    public async Task A_body_that_breaks_off_is_its_clients_fault(string sent, bool reset)
    {
        const int Count = 30;
        await using var server = await RunningServer.StartAsync();
        var asked = Encoding.Latin1.GetBytes(sent.Insert(Head.Length, Expect));
        for (var i = 0; i < Count; i++) await BreakOffAsync(server.HttpAddress, asked, reset);
        await RefusedAsync(server, "http", Count);
        Assert.Contains("refused (invalid_request): POST /v1/completions: ", Assert.Single(server.Log.All), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST /v1/comple")]
    [InlineData("GET /v1/models HTTP/1.1\r\nhost: local")]
    [InlineData("GET /v1/models HTTP/1.1\r\nhost: localhost\r\n\r\n")]
    [InlineData("POST /v1/nothing HTTP/1.1\r\nhost: localhost\r\ncontent-length: 400\r\n\r\n{")]
    public async Task A_reset_elsewhere_is_no_failure(string sent)
    {
        await using var server = await RunningServer.StartAsync();
        for (var i = 0; i < 20; i++) await BreakOffAsync(server.HttpAddress, Encoding.Latin1.GetBytes(sent), reset: true);
        await Task.Delay(200, TestContext.Current.CancellationToken);
        Assert.DoesNotContain("internal", await MetricsAsync(server), StringComparison.Ordinal);
        Assert.DoesNotContain(server.Log.All, line => line.Contains("Kestrel", StringComparison.Ordinal)
            || line.Contains("   at ", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(HalfSent)]
    [InlineData(HalfChunked)]
    public async Task A_body_that_comes_too_late_is_its_clients_fault(string sent)
    {
        await using var server = await RunningServer.StartAsync(bodyTime: TimeSpan.FromMilliseconds(50));
        var answer = await Answer.OfBytesAsync(new(server.HttpAddress), Encoding.ASCII.GetBytes(sent));
        Assert.Equal(408, answer.Status);
        Assert.Contains("refused (timeout)", Assert.Single(server.Log.All), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(HalfSent)]
    [InlineData(HalfChunked)]
    public async Task A_half_sent_body_does_not_hold_the_shutdown(string sent)
    {
        await using var server = await RunningServer.StartAsync();
        using var socket = await Answer.ConnectAsync(new(server.HttpAddress));
        await socket.SendAsync(Encoding.ASCII.GetBytes(sent), TestContext.Current.CancellationToken);
        await Task.Delay(200, TestContext.Current.CancellationToken);
        var answer = Answer.ReadAsync(socket);
        await server.StopAsync();
        Assert.Equal((503, true), ((await answer).Status, (await answer).Text.Contains("shutting_down", StringComparison.Ordinal)));
        Assert.Contains("refused (unavailable)", Assert.Single(server.Log.All), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")]
    [InlineData("GET / HTTP/9.9\r\nhost: localhost\r\n\r\n")]
    [InlineData("GET / SPDY\r\n\r\n")]
    public async Task A_version_that_is_not_spoken_is_its_clients_fault(string sent)
    {
        await using var server = await RunningServer.StartAsync();
        await Answer.OfBytesAsync(new(server.HttpAddress), Encoding.ASCII.GetBytes(sent));
        await RefusedAsync(server, "http", 1);
    }

    private static async Task BreakOffAsync(string listener, byte[] sent, bool reset)
    {
        using var socket = await Answer.ConnectAsync(new(listener));
        await socket.SendAsync(sent);
        // The server asks for the body once it has begun to read it: a reset before that would be of no request.
        if (Encoding.Latin1.GetString(sent).Contains(Expect, StringComparison.Ordinal)) await socket.ReceiveAsync(new byte[256]);
        else await Task.Delay(20);
        if (reset) socket.LingerState = new(true, 0);
    }

    /// <summary>All that was refused, and it was so for the request's own sake.</summary>
    private static async Task RefusedAsync(RunningServer server, string listener, int count)
    {
        var expected = $"btx_refusals_total{{door=\"{listener}\",reason=\"invalid_request\"}} {count}\n";
        var page = "";
        await Patience.UntilAsync(async () => (page = await MetricsAsync(server)).Contains(expected, StringComparison.Ordinal),
            () => $"{expected}{string.Join('\n', page.Split('\n').Where(l => l.StartsWith("btx_refusals", StringComparison.Ordinal)))}");
        Assert.DoesNotContain("reason=\"internal\"", page, StringComparison.Ordinal);
    }

    private static Task<string> MetricsAsync(RunningServer server) =>
        server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken);
}
