using System.Net;
using System.Net.Sockets;
using Btx.Client;
using Btx.Server.Tests.Fakes;
using Btx.Server.Verbs;
using Grpc.Core;

namespace Btx.Server.Tests.Clients;

public sealed class BtxClientTests
{
    private static BtxClient Client(string name, string address, string remedy) =>
        new(new BtxClientOptions { Address = address, AddressName = name, Remedy = remedy });

    [Fact]
    public async Task A_server_that_dies_before_its_answer_ended_is_one_line_with_a_remedy()
    {
        using var server = Client("--server", "http://127.0.0.1:1", "look at the history");
        var broken = new RpcException(new Status(StatusCode.Internal, "Error reading next message.",
            new HttpIOException(HttpRequestError.ResponseEnded, "The response ended prematurely.")));
        var e = await Assert.ThrowsAsync<BtxCallException>(() =>
            server.Try<int>(() => Task.FromException<int>(broken), TestContext.Current.CancellationToken));
        Assert.Equal("the server at http://127.0.0.1:1 went away before its answer ended; look at the history", e.Message);
    }

    [Theory]
    [InlineData("127.0.0.1:8081")]
    [InlineData("http://127.0.0.1:8081")]
    [InlineData("[::1]:8081")]
    [InlineData("https://host")]
    public void Addresses_have_a_port_or_a_scheme(string address) => Client("--server", address, "").Dispose();

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("127.0.0.1")]
    [InlineData("127.0.0.1:99999")]
    [InlineData("ftp://127.0.0.1:21")]
    [InlineData("http://127.0.0.1:8080/v1")]
    [InlineData("http://user@127.0.0.1:8080")]
    public void What_is_no_address_is_refused(string address) =>
        Assert.StartsWith($"BTX_SERVER {address}: not a server's address",
        Assert.Throws<BtxCallException>(() => Client("BTX_SERVER", address, "")).Message, StringComparison.Ordinal);

    [Fact]
    public async Task The_HTTP_port_in_the_place_of_the_gRPC_port_is_told()
    {
        await using var server = await RunningServer.StartAsync();
        using var remote = Client("--server", new Uri(server.HttpAddress).Authority, "");
        Func<Task>[] calls =
        [
            () => remote.DescribeAsync(TestContext.Current.CancellationToken),
            () => remote.Forest.ListExpertsAsync(new()).ResponseAsync,
            () => remote.GenerateAsync(new(), TestContext.Current.CancellationToken)
                .GetAsyncEnumerator(TestContext.Current.CancellationToken).MoveNextAsync().AsTask(),
        ];
        foreach (var call in calls)
        {
            var message = (await Assert.ThrowsAsync<BtxCallException>(call)).Message;
            var expected = $"{server.HttpAddress} speaks HTTP/1.1, so it is the HTTP port of a server and not its gRPC port; name that "
                + "with --server";
            Assert.True(message.StartsWith(expected, StringComparison.Ordinal), message);
        }
    }

    [Fact]
    public async Task What_takes_the_call_and_never_answers_is_one_line()
    {
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start(); // the system takes connections; nobody reads
        var patience = TimeSpan.FromMilliseconds(200);
        using var remote = new BtxClient(new BtxClientOptions { Address = $"{silent.LocalEndpoint}", Patience = patience });
        Func<Task>[] calls =
        [
            () => remote.Forest.ListExpertsAsync(new()).ResponseAsync,
            () => remote.Forest.PlanRemovalAsync(new()).ResponseAsync,
            () => remote.HeadersAsync(remote.Forest.Watch(new()).ResponseHeadersAsync, TestContext.Current.CancellationToken),
        ];
        foreach (var call in calls)
            Assert
                .Equal($"the server at http://{silent.LocalEndpoint} took the call and gave no answer within 0.2 s; is it one of btx, "
                    + "and does it run (not stopped, not out of memory)?",
                (await Assert.ThrowsAsync<BtxCallException>(call)).Message);
    }
}
