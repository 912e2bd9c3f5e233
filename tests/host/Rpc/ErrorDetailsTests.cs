using Btx.Client;
using Btx.Engine;
using Btx.Model;
using Btx.Server.Access;
using Btx.Server.Rpc;
using Btx.Server.Tests.Access;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using RequestProblem = Btx.Engine.RequestProblem;

namespace Btx.Server.Tests.Rpc;

/// <summary>Every refusal over gRPC says in google.rpc.Status what a program needs: a word, the field, when to try again.</summary>
public sealed class ErrorDetailsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Refusals_by_the_handlers_have_a_word_a_field_and_a_wait()
    {
        await using var server = await RunningServer.StartAsync();
        using var client = new BtxClient(server.GrpcAddress);
        var unknown = await Refused(client, new() { Mode = Mode.Expert, Expert = "nobody" });
        Assert.Equal((StatusCode.NotFound, "model_not_found"), (unknown.Status, unknown.Code));
        var invalid = await Refused(client, new() { Mode = Mode.TopK, K = 0 });
        Assert.Equal((StatusCode.InvalidArgument, "invalid_argument", "routing.k", (TimeSpan?)null),
            (invalid.Status, invalid.Code, invalid.Field, invalid.RetryAfter));
        server.Engine.Refusal = new RequestRejectedException(ErrorKind.Busy, "full");
        var busy = await Refused(client, new());
        Assert.Equal((StatusCode.ResourceExhausted, "server_busy", TimeSpan.FromSeconds(1)), (busy.Status, busy.Code, busy.RetryAfter));
        server.Engine.Refusal = new InvalidOperationException("a secret");
        var broken = await Refused(client, new());
        Assert.Equal((StatusCode.Internal, "internal", "internal error; the server's log says more"),
            (broken.Status, broken.Code, broken.Message));

        var change = server.Forest.RemoveExpert(new());
        var refused = await Assert.ThrowsAsync<RpcException>(() => change.ResponseStream.MoveNext(Stop));
        Assert.Equal("by.author", refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations[0].Field);
        Assert.Equal("name", await Field(() => server.Forest.ShowExpertAsync(new()).ResponseAsync));
        Assert.Equal("change_id", await Field(() => server.Forest.GetCertificateAsync(new()).ResponseAsync));
        Assert.Equal("limit", await Field(() => server.Forest.HistoryAsync(new() { Limit = -1 }).ResponseAsync));
        Assert.Equal("text", await Field(() => server.Inference.ScoreAsync(new()).ResponseAsync));
        Assert.Equal("text", await Field(() => server.Inference.TokenizeAsync(new() { Text = "" }).ResponseAsync));
        Assert.Equal("btx", refused.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Domain);
    }

    [Fact]
    public async Task Refusals_before_the_handlers_have_them_too_and_a_message_that_is_too_large_names_the_limit()
    {
        using var files = new KeyFiles();
        var (_, token) = files.Add(KeyFiles.Plain with { RequestsPerMinute = 1 });
        await using var server = await RunningServer.StartAsync(access: new() { KeyFile = files.Keys });
        using var client = new BtxClient(server.GrpcAddress, token);
        var large = await Refused(client, new() { Expert = new string('x', 70_000) });
        Assert.Equal((StatusCode.ResourceExhausted, "message_too_large", true),
            (large.Status, large.Code, large.Message.Contains("more than 65536 bytes", StringComparison.Ordinal)));
        var spent = await Refused(client, new());
        Assert.Equal((StatusCode.ResourceExhausted, "rate_limit_exceeded"), (spent.Status, spent.Code));
        Assert.InRange(spent.RetryAfter!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        var scope = await Assert.ThrowsAsync<BtxCallException>(async () => await client.Forest.ListExpertsAsync(new()));
        Assert.Equal((StatusCode.PermissionDenied, "insufficient_scope"), (scope.Status, scope.Code));
        using var stranger = new BtxClient(server.GrpcAddress);
        Assert.Equal("invalid_api_key", (await Refused(stranger, new())).Code);
        var nothing = new Method<byte[], byte[]>(MethodType.Unary, "btx.v1.Inference", "Nothing", Marshallers.Create(b => b, b => b),
            Marshallers.Create(b => b, b => b));
        var unimplemented = await Assert.ThrowsAsync<RpcException>(() => server.Channel.CreateCallInvoker().AsyncUnaryCall(nothing, null,
            new(new Metadata { { "authorization", $"Bearer {token}" } }), []).ResponseAsync);
        Assert.Equal("unimplemented", unimplemented.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
    }

    [Fact]
    public async Task A_message_that_cannot_be_read_is_refused_in_the_same_form()
    {
        await using var server = await RunningServer.StartAsync();
        var marshaller = Marshallers.Create(bytes => bytes, bytes => bytes);
        var method = new Method<byte[], byte[]>(MethodType.ServerStreaming, "btx.v1.Inference", "Chat", marshaller, marshaller);
        using var call = server.Channel.CreateCallInvoker().AsyncServerStreamingCall(method, null, default, [0x0a, 0xff]);
        var refusal = await Assert.ThrowsAsync<RpcException>(() => call.ResponseStream.MoveNext(Stop));
        Assert.Equal((StatusCode.InvalidArgument, "invalid_argument"),
            (refusal.StatusCode, refusal.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason));
    }

    // Many clients take 8 KiB of headers in all.
    [Theory]
    [InlineData("x")]
    [InlineData("ü")]
    [InlineData("𒀀")]
    public void The_longest_refusal_fits_into_the_headers(string character)
    {
        var message = BtxException.OneLine(string.Concat(Enumerable.Repeat(character, 800)), 800);
        var status = ErrorDetails.Of(new RequestProblem(BtxException.OneLine(message, 100), message), TimeSpan.FromSeconds(1));
        Assert.InRange(Uri.EscapeDataString(status.Message).Length + Convert.ToBase64String(status.ToByteArray()).Length, 100, 7100);
        Assert.True(status.Message.Length >= 50);
        Assert.Equal(status.Message, status.GetDetail<BadRequest>()!.FieldViolations[0].Description);
    }

    private static async Task<string> Field<T>(Func<Task<T>> call)
    {
        var refused = await Assert.ThrowsAsync<RpcException>(async () => await call());
        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        return refused.GetRpcStatus()!.GetDetail<BadRequest>()!.FieldViolations[0].Field;
    }

    private static Task<BtxCallException> Refused(BtxClient client, Routing routing) => Assert.ThrowsAsync<BtxCallException>(async () =>
        await client.GenerateAsync(new() { Prompt = new() { Text = "the" }, Routing = routing }, Stop).ToListAsync(Stop));
}
