using Grpc.Core;

namespace Btx.Standins.Tests.Grpc;

/// <summary>Calls of every kind through the genuine server and client.</summary>
public sealed class CallTests(EchoServer server) : IClassFixture<EchoServer>
{
    private CallInvoker Invoker => server.Channel.CreateCallInvoker();

    [Fact]
    public async Task Unary_call_carries_message_headers_and_trailers()
    {
        var options = new CallOptions(new Metadata { { "Header-In", "x" } }, DateTime.UtcNow.AddMinutes(5));
        using var call = Invoker.AsyncUnaryCall(EchoService.UnaryMethod, null, options, "hällo");
        Assert.Equal("h", (await call.ResponseHeadersAsync).GetValue("header-out"));
        Assert.Equal("hällo|/echo.Echo/Unary|x|True", await call);
        Assert.Equal("t", call.GetTrailers().GetValue("trailer-out"));
        Assert.Equal(StatusCode.OK, call.GetStatus().StatusCode);
    }

    [Fact]
    public void Blocking_call_answers() =>
        Assert.StartsWith("a|", Invoker.BlockingUnaryCall(EchoService.UnaryMethod, null, default, "a"), StringComparison.Ordinal);

    [Fact]
    public async Task Large_message_survives_compression()
    {
        var text = new string('x', 300_000);
        Assert.StartsWith(text, await Invoker.AsyncUnaryCall(EchoService.UnaryMethod, null, default, text), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Failure_carries_status_detail_and_trailers()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await Invoker.AsyncUnaryCall(EchoService.UnaryMethod, null, default, "fail"));
        Assert.Equal(StatusCode.FailedPrecondition, failure.StatusCode);
        Assert.Equal("no: ünïcode", failure.Status.Detail);
        Assert.Equal("because", failure.Trailers.GetValue("why"));
        Assert.Equal<byte>([1, 2, 255], failure.Trailers.GetValueBytes("why-bin")!);
    }

    [Fact]
    public async Task Deadline_ends_the_call()
    {
        var options = new CallOptions(deadline: DateTime.UtcNow.AddMilliseconds(100));
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await Invoker.AsyncUnaryCall(EchoService.UnaryMethod, null, options, "forever"));
        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
    }

    [Fact]
    public async Task Cancellation_reaches_the_server()
    {
        using var source = new CancellationTokenSource();
        using var call = Invoker.AsyncUnaryCall(EchoService.UnaryMethod, null, new CallOptions(cancellationToken: source.Token), "until cancelled");
        await EchoService.Waiting.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
        await source.CancelAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await call);
        Assert.Equal(StatusCode.Cancelled, failure.StatusCode);
        await EchoService.Cancelled.WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Server_stream_arrives_in_order()
    {
        using var call = Invoker.AsyncServerStreamingCall(EchoService.ServerStreamMethod, null, default, "m");
        Assert.Equal(["m0", "m1", "m2"], await call.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync());
    }

    [Fact]
    public async Task Client_stream_arrives_in_order()
    {
        using var call = Invoker.AsyncClientStreamingCall(EchoService.ClientStreamMethod, null, default);
        foreach (var part in new[] { "a", "b", "c" }) await call.RequestStream.WriteAsync(part);
        await call.RequestStream.CompleteAsync();
        Assert.Equal("abc", await call);
    }

    [Fact]
    public async Task Duplex_stream_answers_message_by_message()
    {
        using var call = Invoker.AsyncDuplexStreamingCall(EchoService.DuplexMethod, null, default);
        foreach (var part in new[] { "a", "b" })
        {
            await call.RequestStream.WriteAsync(part);
            Assert.True(await call.ResponseStream.MoveNext());
            Assert.Equal(part.ToUpperInvariant(), call.ResponseStream.Current);
        }

        await call.RequestStream.CompleteAsync();
        Assert.False(await call.ResponseStream.MoveNext());
    }
}
