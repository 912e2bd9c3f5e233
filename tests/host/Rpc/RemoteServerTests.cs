using Btx.Model;
using Btx.Server.Rpc;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

public sealed class RemoteServerTests
{
    [Fact]
    public async Task A_server_that_dies_before_its_answer_ended_is_one_line_with_a_remedy()
    {
        using var server = new RemoteServer("--grpc", "http://127.0.0.1:1", "look at the history");
        var broken = new RpcException(new Status(StatusCode.Internal, "Error reading next message.", new HttpIOException(HttpRequestError.ResponseEnded, "The response ended prematurely.")));
        var e = await Assert.ThrowsAsync<BtxException>(() => server.Try<int>(() => Task.FromException<int>(broken), TestContext.Current.CancellationToken));
        Assert.Equal("the server at http://127.0.0.1:1 went away before its answer ended; look at the history", e.Message);
    }
}
