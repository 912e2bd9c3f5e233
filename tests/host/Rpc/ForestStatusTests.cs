using Btx.Forest;
using Btx.Model;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

/// <summary>Refusals of the administration service: a status, and one line.</summary>
public sealed class ForestStatusTests : IAsyncLifetime
{
    private static readonly V1.ChangeAuthor s_by = new() { Author = "ada", Reason = "a test" };
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    public static TheoryData<AddExpertRequest, StatusCode, string> Additions => new()
    {
        { new() { Directory = "x", Name = "law" }, StatusCode.InvalidArgument, "author" },
        { new() { By = new() { Author = "ada" }, Directory = "x", Name = "law" }, StatusCode.InvalidArgument, "reason" },
        { new() { By = new() { Author = "ada", Reason = "a\nb" }, Directory = "x", Name = "law" }, StatusCode.InvalidArgument, "reason" },
        { new() { By = s_by, Name = "law" }, StatusCode.InvalidArgument, "directory is missing" },
        { new() { By = s_by, Directory = "x", Name = "../law" }, StatusCode.InvalidArgument, "is not a name" },
        { new() { By = s_by, Directory = "x", Name = "law", Domain = "La w" }, StatusCode.InvalidArgument, "is not a name" },
        { new() { By = s_by, Directory = "x", Name = "law", Sha256 = "abc" }, StatusCode.InvalidArgument, "64 lower-case hexadecimal" },
        { new() { By = s_by, Directory = "x", Name = "law", Parents = { new Parent { Name = "novels", Weight = 0.5 } } },
            StatusCode.InvalidArgument, "sum to 0.5; expected 1" },
        { new() { By = s_by, Directory = "x", Name = "law", Parents = { new Parent { Name = "novels", Weight = double.NaN } } },
            StatusCode.InvalidArgument, "weight of parent novels" },
        { new() { By = s_by, Directory = "x", Name = "law", Parents = { new Parent { Name = "nobody", Weight = 1 } } },
            StatusCode.FailedPrecondition, "parent \"nobody\" is unknown" },
        { new() { By = s_by, Directory = "x", Name = "law", Samples = { ["law"] = "" } }, StatusCode.InvalidArgument, "samples of law" },
        { new() { By = s_by, Directory = "x", Name = "german" }, StatusCode.FailedPrecondition, "is in the forest already" },
    };

    [Theory]
    [MemberData(nameof(Additions))]
    public Task Bad_additions(AddExpertRequest request, StatusCode status, string message) =>
    Refused(_server.Forest.AddExpert(request), status, message);

    public static TheoryData<RemoveExpertRequest, StatusCode, string> Removals => new()
    {
        { new() { Experts = { "python" } }, StatusCode.InvalidArgument, "author" },
        { new() { By = s_by }, StatusCode.InvalidArgument, "no expert is named" },
        { new() { By = s_by, Experts = { "python", "python" } }, StatusCode.InvalidArgument, "twice" },
        { new() { By = s_by, Experts = { "nobody" } }, StatusCode.NotFound, "no expert \"nobody\"" },
        { new() { By = s_by, Experts = { "novels", "python", "german" } }, StatusCode.FailedPrecondition,
            "the last expert cannot be removed" },
        { new() { By = s_by, Experts = { "python" }, Lineage = (LineagePolicy)9 }, StatusCode.InvalidArgument, "unknown lineage" },
        { new() { By = s_by, Experts = { "python" }, InFlight = (InFlight)9 }, StatusCode.InvalidArgument, "unknown in_flight" },
        { new() { By = s_by, Experts = { "python" }, ExpectedRevision = 7 }, StatusCode.Aborted, "revision 0" },
    };

    [Theory]
    [MemberData(nameof(Removals))]
    public Task Bad_removals(RemoveExpertRequest request, StatusCode status, string message) =>
    Refused(_server.Forest.RemoveExpert(request), status, message);

    public static TheoryData<CreateAverageRequest, StatusCode, string> Averages => new()
    {
        { new() { By = s_by, Name = "prose" }, StatusCode.InvalidArgument, "exactly one" },
        { new() { By = s_by, Name = "prose", Domain = "novels", Sample = "x" }, StatusCode.InvalidArgument, "exactly one" },
        { new() { By = s_by, Name = "prose", Weights = { ["novels"] = -1 } }, StatusCode.InvalidArgument, "weight of novels" },
        { new() { By = s_by, Name = "prose", Weights = { ["novels"] = 0 } }, StatusCode.FailedPrecondition, "at least one above 0" },
        { new() { By = s_by, Name = "uniform", Domain = "novels" }, StatusCode.FailedPrecondition, "reserved" },
        { new() { By = s_by, Name = "A b", Domain = "novels" }, StatusCode.InvalidArgument, "is not a name" },
    };

    [Theory]
    [MemberData(nameof(Averages))]
    public Task Bad_averages(CreateAverageRequest request, StatusCode status, string message) =>
    Refused(_server.Forest.CreateAverage(request), status, message);

    [Fact]
    public async Task What_is_not_there_is_not_found()
    {
        await Refused(_server.Forest.DropAverage(new() { By = s_by, Name = "prose" }), StatusCode.NotFound, "no average \"prose\"");
        await Refused(_server.Forest.ShowExpertAsync(new() { Name = "nobody" }), StatusCode.NotFound, "no expert \"nobody\"");
        await Refused(_server.Forest.GetCertificateAsync(new() { ChangeId = "c000009" }), StatusCode.NotFound, "c000009");
        await Refused(_server.Forest.PlanRemovalAsync(new() { Experts = { "nobody" } }), StatusCode.NotFound, "no expert \"nobody\"");
        await Refused(_server.Forest.Rollback(new() { By = s_by }), StatusCode.FailedPrecondition, "no change to roll back");
    }

    [Fact]
    public async Task A_second_change_is_refused_while_one_is_under_way()
    {
        var release = new TaskCompletionSource();
        _server.Registry.Hold = release.Task;
        using var adding = _server.Forest.AddExpert(new() { By = s_by, Directory = "x", Name = "law" });
        await _server.Registry.Building;
        await Refused(_server.Forest.RemoveExpert(new() { By = s_by, Experts = { "python" } }), StatusCode.Aborted,
            "c000001 (add by ada) is under way");
        release.SetResult();
        Assert.Equal("committed", (await adding.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
            .LastAsync(TestContext.Current.CancellationToken)).Result.Change.Outcome);
    }

    [Fact]
    public async Task A_failure_is_told_and_what_is_unexpected_is_not_shown()
    {
        _server.Registry.Failure = new BtxException("x/model.safetensors: tensor a holds NaN") { Kind = ErrorKind.Precondition };
        await Refused(_server.Forest.AddExpert(new() { By = s_by, Directory = "x", Name = "law" }), StatusCode.FailedPrecondition,
            "x/model.safetensors: tensor a holds NaN");
        _server.Registry.Failure = new InvalidOperationException("secret");
        await Refused(_server.Forest.AddExpert(new() { By = s_by, Directory = "x", Name = "law" }), StatusCode.Internal, "internal error");
        Assert.Equal(0, _server.Registry.State.Revision);
    }

    [Fact]
    public async Task Without_a_forest_there_is_nothing_to_change()
    {
        await using var server = await RunningServer.StartAsync(withForest: false);
        await Refused(server.Forest.ListExpertsAsync(new()), StatusCode.FailedPrecondition, "no forest is served here");
        await Refused(server.Forest.Rollback(new() { By = s_by }), StatusCode.FailedPrecondition, "no forest is served here");
        await Refused(server.Forest.Watch(new()), StatusCode.FailedPrecondition, "no forest is served here");
        Assert.Equal(System.Net.HttpStatusCode.NotFound,
            (await server.Http.GetAsync("/v1/forest", TestContext.Current.CancellationToken)).StatusCode);
    }

    [Fact]
    public async Task Text_that_is_not_utf8_is_refused()
    {
        // Field 1 (name) of ShowExpertRequest: two bytes that are not UTF-8.
        var raw = new Marshaller<byte[]>(bytes => bytes, bytes => bytes);
        var method = new Method<byte[], byte[]>(MethodType.Unary, "btx.v1.Forest", "ShowExpert", raw, raw);
        var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            await _server.Channel.CreateCallInvoker().AsyncUnaryCall(method, null, default, [0x0A, 2, 0xC3, 0x28]));
        Assert.Equal((StatusCode.InvalidArgument,
            "the request is not a message of the method's type: it is malformed, or its text is not valid UTF-8"),
            (failure.StatusCode, failure.Status.Detail));
    }

    private static async Task Refused<T>(AsyncServerStreamingCall<T> call, StatusCode status, string message)
    {
        using (call)
            Check(await Assert.ThrowsAsync<RpcException>(async () => await call.ResponseStream.ReadAllAsync().ToListAsync()),
                status, message);
    }

    private static async Task Refused<T>(AsyncUnaryCall<T> call, StatusCode status, string message)
    {
        using (call) Check(await Assert.ThrowsAsync<RpcException>(async () => await call), status, message);
    }

    private static void Check(RpcException failure, StatusCode status, string message)
    {
        Assert.Equal(status, failure.StatusCode);
        Assert.Contains(message, failure.Status.Detail, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', failure.Status.Detail);
    }
}
