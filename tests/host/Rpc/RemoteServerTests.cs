using System.Net;
using System.Net.Sockets;
using Btx.Model;
using Btx.Server.Rpc;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

public sealed class RemoteServerTests
{
    [Fact]
    public async Task A_server_that_dies_before_its_answer_ended_is_one_line_with_a_remedy()
    {
        using var server = new RemoteServer("--server", "http://127.0.0.1:1", "look at the history");
        var broken = new RpcException(new Status(StatusCode.Internal, "Error reading next message.", new HttpIOException(HttpRequestError.ResponseEnded, "The response ended prematurely.")));
        var e = await Assert.ThrowsAsync<BtxException>(() => server.Try<int>(() => Task.FromException<int>(broken), TestContext.Current.CancellationToken));
        Assert.Equal("the server at http://127.0.0.1:1 went away before its answer ended; look at the history", e.Message);
    }

    [Fact]
    public async Task What_takes_the_call_and_never_answers_is_one_line()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start(); // the system takes connections; nobody reads
        using var forest = new RemoteForest($"{silent.LocalEndpoint}", null, TimeSpan.FromMilliseconds(200));
        Func<Task>[] calls =
        [
            () => forest.ListExpertsAsync(TestContext.Current.CancellationToken), () => forest.PlanRemovalAsync(new(), TestContext.Current.CancellationToken),
            () => forest.WatchAsync(TestContext.Current.CancellationToken).GetAsyncEnumerator(TestContext.Current.CancellationToken).MoveNextAsync().AsTask(),
        ];
        foreach (var call in calls)
            Assert.Equal($"the server at http://{silent.LocalEndpoint} took the call and gave no answer within 0.2 s; is it one of btx, and does it run (not stopped, not out of memory)?", (await Assert.ThrowsAsync<BtxException>(call)).Message);
    }
}
