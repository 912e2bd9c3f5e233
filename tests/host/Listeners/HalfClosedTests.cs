using System.Net.Sockets;
using System.Text;
using Btx.Server.Lifetime;
using Btx.Server.Tests.Attacks;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Listeners;

/// <summary>A client that closed its side waits for its answer; one that closed altogether is noticed long before its time is up.</summary>
public sealed class HalfClosedTests
{
    private const string Interim = "HTTP/1.1 100 Continue\r\n\r\n";
    private const string Body = "{\"model\":\"forest\",\"prompt\":\"the\"}";
    private static readonly byte[] s_request = Encoding.ASCII.GetBytes("POST /v1/completions HTTP/1.1\r\nhost: localhost\r\n"
        + $"content-type: application/json\r\ncontent-length: {Body.Length}\r\nconnection: close\r\n\r\n{Body}");

    [Fact]
    public async Task A_client_that_closed_altogether_is_noticed_while_its_answer_is_made()
    {
        var hold = new TaskCompletionSource();
        await using var server = await StartAsync(hold.Task);
        using (var socket = await Answer.ConnectAsync(new(server.HttpAddress)))
        {
            await socket.SendAsync(s_request, TestContext.Current.CancellationToken);
            await server.Engine.Holding;
        }

        await Patience.UntilAsync(() => server.Engine.Cancelled.IsCompleted, "the end of a request that nobody waits for");
        Assert.False(hold.Task.IsCompleted);
    }

    [Fact]
    public async Task A_client_that_closed_its_side_is_asked_once_and_gets_its_answer()
    {
        var hold = new TaskCompletionSource();
        await using var server = await StartAsync(hold.Task);
        using var socket = await Answer.ConnectAsync(new(server.HttpAddress));
        await socket.SendAsync(s_request, TestContext.Current.CancellationToken);
        await server.Engine.Holding;
        socket.Shutdown(SocketShutdown.Send);
        var asked = new byte[Interim.Length];
        await socket.ReceiveAsync(asked, TestContext.Current.CancellationToken);
        Assert.Equal(Interim, Encoding.ASCII.GetString(asked));
        await Task.Delay(300, TestContext.Current.CancellationToken); // long enough to be asked again
        hold.SetResult();
        var answer = await Answer.ReadAsync(socket);
        Assert.StartsWith("HTTP/1.1 200 OK\r\n", answer.Text, StringComparison.Ordinal);
        Assert.EndsWith("}", answer.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("100 Continue", answer.Text, StringComparison.Ordinal);
    }

    private static async Task<RunningServer> StartAsync(Task hold)
    {
        var server = await RunningServer.StartAsync(change: (ServerOptions options) =>
            options with { HalfClosedPatience = TimeSpan.FromHours(1) });
        server.Engine.Hold = hold;
        return server;
    }
}
