using System.Net;
using Btx.Model.Forests;
using Btx.Model.Registry;
using V1 = Btx.V1;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace Btx.Server.Tests.Chaos;

/// <summary>Whether a server is well, and serves what a forest of some experts serves that was made from scratch.</summary>
internal static class StateCheck
{
    private static readonly int[] Probe = [256, .. "the forest is what is left of it".Select(c => (int)c)];

    /// <summary>Health, journal, files and the scores of the ensemble and each expert.</summary>
    /// <returns>The state's hash.</returns>
    public static async Task<string> IsWellAsync(ServerProcess server, ChaosForest forest)
    {
        using var health = await server.Http.GetAsync("/health");
        Assert.Equal(HttpStatusCode.OK, health.StatusCode);
        Assert.Equal(ServingStatus.Serving, (await server.Health.CheckAsync(new())).Status);
        var list = await server.ListAsync();
        var history = await server.HistoryAsync();
        Assert.DoesNotContain(history, c => c.Outcome == ChangeOutcome.Open);
        Assert.Equal(list.Revision, history.Count(c => c.Outcome == ChangeOutcome.Committed));
        if (history.LastOrDefault(c => c.Outcome == ChangeOutcome.Committed) is { } last)
            Assert.Equal(last.StateAfterSha256, list.StateSha256);
        Assert.Empty(forest.LeftOvers());
        AssertRemovalsAreProved(history, forest);
        string[] ready = [.. list.Experts.Where(e => e.Status == ExpertStatus.Ready).Select(e => e.Name)];
        var score = await server.Inference.ScoreAsync(new() { Text = new() { Tokens = new() { Ids = { Probe } } } });
        Assert.Equal(ready, score.Experts.Select(e => e.Name));
        var expected = new double[ready.Length][];
        for (var j = 0; j < ready.Length; j++)
        {
            expected[j] = await Reference.OfExpertAsync(ready[j], Probe);
            AssertNear(expected[j], score.Experts[j].Logprobs);
        }

        for (var i = 0; i < Probe.Length - 1; i++)
        {
            var weights = new double[ready.Length];
            Model.Mixing.LogSpace.Softmax([.. expected.Select(e => e.Take(i).Sum())], weights);
            Assert.Equal(Math.Log(weights.Zip(expected, (w, e) => w * Math.Exp(e[i])).Sum()), score.Logprobs[i], 2e-3);
        }

        return list.StateSha256;
    }

    /// <summary>The same, and that exactly these experts are served, and in every mode say
    /// what they say in a forest from scratch.</summary>
    public static async Task<string> ServesAsync(ServerProcess server, ChaosForest forest, params IEnumerable<string> experts)
    {
        var hash = await IsWellAsync(server, forest);
        string[] names = [.. experts.Order(StringComparer.Ordinal)];
        Assert.Equal(names, (await server.ListAsync()).Experts.Select(e => e.Name).Order(StringComparer.Ordinal));
        Assert.Equal(names, (await server.Inference.DescribeAsync(new())).Experts.Select(e => e.Name).Order(StringComparer.Ordinal));
        foreach (var routing in Load.Routings(names[0]))
        {
            if (routing.K > names.Length) continue;
            var record = new LoadRecord { Request = Load.Request(routing, 0, 20, 24), Began = 0 };
            await record.RunAsync(server.Inference);
            Assert.Null(record.Failure);
            Assert.Null(await Oracle.ProblemAsync(record, [names], mayMove: false));
            var reference = Reference.Of(names);
            var asked = Btx.Server.Rpc.RoutingMessages.ToRouting(routing, scores: false, reference.Forest);
            Assert.Equal(await reference.ContinueAsync(record.Prompt, asked, 24), record.Tokens);
        }

        return hash;
    }

    /// <summary>Every committed removal has its certificate; the last ones, which the present change may have touched,
    /// hold against the served forest on disk.</summary>
    private static void AssertRemovalsAreProved(IReadOnlyList<V1.Change> history, ChaosForest forest)
    {
        var removals = history.Where(c => c.Kind == ChangeKind.Remove && c.Outcome == ChangeOutcome.Committed).ToList();
        Assert.All(removals,
            r => Assert.True(File.Exists(RemovalCertificate.FileOf(forest.Served, r.Id)), $"removal {r.Id} has no certificate"));
        foreach (var change in removals.TakeLast(2))
        {
            var again = history.Any(c => c.Kind == ChangeKind.Add && c.Outcome == ChangeOutcome.Committed
                && c.RevisionBefore >= change.RevisionAfter && c.Subjects.Any(change.Subjects.Contains));
            var path = RemovalCertificate.FileOf(forest.Served, change.Id);
            var report = CertificateVerifier.Verify(path, CertificateSigner.FingerprintOf(forest.Served), again ? null : forest.Served);
            Assert.True(report.Valid, $"{path}: {string.Join("; ", report.Problems)}");
            Assert.Equal(change.Purge.Count > 0, change.PurgedAt is not null);
            foreach (var expert in report.Certificate!.Removed.Where(_ => change.Purge.Count > 0 && !again))
                Assert.False(Directory.Exists(Path.Combine(forest.Guests, expert.Name)), $"{expert.Name} is purged but still there");
        }
    }

    private static void AssertNear(double[] expected, IReadOnlyList<double> actual)
    {
        Assert.Equal(expected.Length, actual.Count);
        for (var i = 0; i < expected.Length; i++) Assert.Equal(expected[i], actual[i], 2e-3);
    }
}
