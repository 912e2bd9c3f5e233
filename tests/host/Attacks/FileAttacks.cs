using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using Btx.Server.Tests.Chaos;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Attacks;

/// <summary>Files that change under a running server, and pipes where weights should be: nobody notices who does not ask for that expert,
/// and the server ends when it is told to.</summary>
public sealed class FileAttacks
{
    private const string Weights = "model.safetensors";
    private static readonly string[] Whole = ["alpha", "beta", "gamma"], Rest = ["alpha", "gamma"];

    /// <summary>Also: paths and addresses in errors, CVE-2026-73555. The reason names the file, and no directory.</summary>
    [Theory]
    [InlineData(true, "has 64 bytes instead of")]
    [InlineData(false, "has other content")]
    public async Task A_served_file_that_is_cut_or_that_another_is_copied_over(bool cut, string why)
    {
        using var forest = new ChaosForest(Whole);
        await using var server = await ServerProcess.StartAsync(forest);
        var load = Load.EveryMode(server, null);
        await load.DecodingAsync();
        var called = Stopwatch.GetTimestamp();
        var weights = Path.Combine(forest.Source, "experts", "beta", Weights);
        if (!cut) File.Copy(Path.Combine(forest.Guest("delta"), Weights), weights, overwrite: true);
        else using (var file = File.OpenWrite(weights)) file.SetLength(64);
        V1.RegisteredExpert beta = null!;
        await Patience.UntilAsync(async () => (beta = (await server.ListAsync()).Experts.Single(e => e.Name == "beta")).Status
            == "quarantined", () => $"the quarantine; the expert is {beta.Status}");
        Assert.Contains(why, beta.Problem, StringComparison.Ordinal);
        var returned = Stopwatch.GetTimestamp();
        using var refusal = await server.Http.PostAsJsonAsync("/v1/completions",
            new { model = "expert:beta", prompt = "the cat", max_tokens = 2 }, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.InternalServerError, refusal.StatusCode);
        var refused = await refusal.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Contains(why, refused, StringComparison.Ordinal);
        var call = new LoadRecord { Request = Load.Request(new() { Mode = V1.Mode.Expert, Expert = "beta" }, 1, 5, 2), Began = 0 };
        await call.RunAsync(server.Inference);
        Assert.Equal(StatusCode.Internal, call.Failure?.StatusCode);
        var told = await server.Http.GetStringAsync("/v1/forest", TestContext.Current.CancellationToken);
        Assert.Contains(why, told, StringComparison.Ordinal);
        foreach (var text in new[] { told, call.Failure!.Value.Detail, refused })
            Assert.DoesNotContain(forest.At(""), text, StringComparison.Ordinal);
        Assert.Contains("btx_forest_experts{status=\"quarantined\"} 1",
            await server.Http.GetStringAsync("/metrics", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await load.EndedAsync(6);
        await new Verdict
        {
            Before = Whole,
            After = Rest,
            Change = (called, returned),
            Policy =
            V1.InFlight.Drain
        }.AssertAsync(await load.StopAsync());
        await server.RemoveAsync("beta", purge: true);
        await StateCheck.ServesAsync(server, forest, Rest);
    }

    [Fact]
    public async Task A_pipe_below_an_expert_holds_up_neither_the_next_change_nor_the_end()
    {
        using var forest = new ChaosForest("alpha", "beta");
        await using var server = await ServerProcess.StartAsync(forest);
        var directory = forest.Guest("delta");
        Directory.CreateDirectory(Path.Combine(directory, "sub", "inner"));
        await Process.Start("mkfifo", [Path.Combine(directory, "sub", "inner",
            "pipe")]).WaitForExitAsync(TestContext.Current.CancellationToken);
        var status = await Chaos.Changes.RefusalAsync(server.AddAsync("delta", directory));
        Assert
            .Contains($"{Path.Combine(directory, "sub/inner/pipe")} is a pipe, a socket or a device; replace it by a copy, or take it away",
            status.Detail, StringComparison.Ordinal);
        await server.AddAsync("epsilon", forest.Guest("epsilon"));
        await StateCheck.ServesAsync(server, forest, "alpha", "beta", "epsilon");
        server.Terminate();
        Assert.Equal(0, await server.EndAsync());
    }
}
