using Btx.Model.Registry;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Changes;

/// <summary>Changes that are cut short: by their client, and by the end of the server.</summary>
public sealed class ForestChangesTests
{
    private static readonly AddExpertRequest s_addition = new()
    {
        By = new() { Author = "ada", Reason = "a test" },
        Directory = "law",
        Name = "law"
    };

    [Fact]
    public async Task A_shutdown_gives_up_a_change_that_is_not_committed_and_takes_no_more()
    {
        await using var server = await RunningServer.StartAsync();
        server.Registry.Hold = Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
        using var adding = server.Forest.AddExpert(s_addition);
        var ended = adding.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken)
            .ToListAsync(TestContext.Current.CancellationToken);
        await server.Registry.Building;
        var stopping = server.StopAsync();
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await ended);
        Assert.Equal((StatusCode.Unavailable, "the server is shutting down; the change was given up; the forest is as it was"),
            (failure.StatusCode, failure.Status.Detail));
        await stopping;
        var change = Assert.Single(server.Registry.History);
        Assert.Equal((ChangeOutcome.Aborted, 0), (change.Outcome, server.Registry.State.Revision));
    }

    [Fact]
    public async Task A_client_that_leaves_before_the_commit_gives_its_change_up()
    {
        await using var server = await RunningServer.StartAsync();
        server.Registry.Hold = Task.Delay(Timeout.Infinite, TestContext.Current.CancellationToken);
        using var leaving = new CancellationTokenSource();
        using var adding = server.Forest.AddExpert(s_addition, cancellationToken: leaving.Token);
        await server.Registry.Building;
        await leaving.CancelAsync();
        await Assert.ThrowsAsync<RpcException>(async () => await adding.ResponseStream.ReadAllAsync().ToListAsync());
        while (server.Registry.History[0].Outcome == ChangeOutcome.Open) await Task.Delay(1, TestContext.Current.CancellationToken);
        Assert.Equal((ChangeOutcome.Aborted, 0), (server.Registry.History[0].Outcome, server.Registry.State.Revision));
    }
}
