using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Chaos;

/// <summary>Changes as a client asks for them.</summary>
internal static class Changes
{
    public static readonly ChangeAuthor By = new() { Author = "ada", Reason = "chaos" };

    public static Task<ChangeResult> AddAsync(this ServerProcess server, string name, string directory,
        params IEnumerable<Parent> parents) =>
        ResultAsync(server.Forest.AddExpert(new() { By = By, Name = name, Directory = directory, Parents = { parents } }));

    /// <summary>Adds a guest that is not there.</summary>
    /// <param name="again">It may have been there before, if its files were not deleted.</param>
    public static async Task<ChangeResult> AddGuestAsync(this ServerProcess server, ChaosForest forest, bool again = true)
    {
        var list = await server.ListAsync();
        var taken = list.Experts.Select(e => e.Name)
            .Concat(list.Absent.Select(a => a.Name).Where(n => !again || !Directory.Exists(Path.Combine(forest.Guests, n)))).ToHashSet();
        var name = Enumerable.Range(1, 999).Select(n => $"guest-{n}").First(n => !taken.Contains(n));
        return await server.AddAsync(name, forest.Guest(name));
    }

    public static Task<ChangeResult> RemoveAsync(this ServerProcess server, string name, InFlight inFlight = InFlight.Renormalise,
        bool purge = false, LineagePolicy lineage = LineagePolicy.Only) =>
        ResultAsync(server.Forest.RemoveExpert(new()
        {
            By = By,
            Experts = { name },
            InFlight = inFlight,
            Purge = purge,
            Lineage = lineage
        }));

    public static Task<ChangeResult> AverageAsync(this ServerProcess server, string name, params IReadOnlyList<string> experts)
    {
        var request = new CreateAverageRequest { By = By, Name = name };
        foreach (var expert in experts) request.Weights.Add(expert, 1.0 / experts.Count);
        return ResultAsync(server.Forest.CreateAverage(request));
    }

    public static Task<ChangeResult> RollbackAsync(this ServerProcess server) => ResultAsync(server.Forest.Rollback(new() { By = By }));

    /// <summary>The line that a change ends with when it is refused or fails; never one that hides what happened.</summary>
    public static async Task<Status> RefusalAsync(Task<ChangeResult> change)
    {
        var status = (await Assert.ThrowsAsync<RpcException>(() => change)).Status;
        AssertClear(status);
        return status;
    }

    /// <summary>One line, and not the server's own fault.</summary>
    public static void AssertClear(Status status)
    {
        Assert.NotEqual(StatusCode.Internal, status.StatusCode);
        AssertTold(status);
    }

    /// <summary>One line that says what happened.</summary>
    public static void AssertTold(Status status)
    {
        Assert.DoesNotContain(status.StatusCode, new[] { StatusCode.Unknown, StatusCode.Cancelled, StatusCode.Unavailable });
        Assert.NotEmpty(status.Detail);
        Assert.DoesNotContain('\n', status.Detail);
    }

    public static async Task<ListExpertsResponse> ListAsync(this ServerProcess server) => await server.Forest.ListExpertsAsync(new());

    public static async Task<IReadOnlyList<Change>> HistoryAsync(this ServerProcess server) =>
        (await server.Forest.HistoryAsync(new())).Changes;

    private static async Task<ChangeResult> ResultAsync(AsyncServerStreamingCall<ChangeUpdate> call)
    {
        using (call)
        {
            ChangeResult? result = null;
            await foreach (var update in call.ResponseStream.ReadAllAsync())
            {
                if (update.KindCase == ChangeUpdate.KindOneofCase.Result) result = update.Result;
            }

            return result ?? throw new InvalidOperationException("the change ended without a result");
        }
    }
}
