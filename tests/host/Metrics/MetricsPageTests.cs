using System.Diagnostics;
using System.Net.Http.Json;
using Btx.Server.Tests.Fakes;
using Grpc.Core;

namespace Btx.Server.Tests.Metrics;

/// <summary>The page that Prometheus reads.</summary>
public sealed class MetricsPageTests
{
    private static readonly string s_cache = Environment.GetEnvironmentVariable("BTX_CACHE") is { Length: > 0 } cache
        ? cache
        : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".cache", "btx");

    [Fact]
    public async Task Page_counts_what_ran_and_promtool_finds_no_fault()
    {
        await using var server = await RunningServer.StartAsync();
        using var response = await server.Http.PostAsJsonAsync("/v1/completions",
            new { model = "forest:top_k=2", prompt = "the", max_tokens = 4 });
        response.EnsureSuccessStatusCode();
        using var routed = await server.Http.PostAsJsonAsync("/v1/completions", new { model = "btx:k=2", prompt = "the", max_tokens = 2 });
        routed.EnsureSuccessStatusCode();
        await WaitUntilIdle(server);
        using var change = server.Forest.RemoveExpert(new() { By = new() { Author = "ada", Reason = "a test" }, Experts = { "german" } });
        await change.ResponseStream.ReadAllAsync(TestContext.Current.CancellationToken).ToListAsync(TestContext.Current.CancellationToken);
        using var refused = server.Forest.RemoveExpert(new() { By = new() { Author = "ada", Reason = "a test" }, Experts = { "german" } });
        await Assert.ThrowsAsync<RpcException>(() => refused.ResponseStream.MoveNext(TestContext.Current.CancellationToken));
        var page = await server.Http.GetStringAsync("/metrics");
        Assert.Contains("btx_requests_total{mode=\"top_k\",outcome=\"length\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_requests_total{mode=\"moe\",outcome=\"length\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_tokens_total{layer=\"1\",expert=\"fables\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_gate_mass_total{layer=\"0\",expert=\"novels\"} 1.5\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_completion_tokens_total 6\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_expert_steps_total{expert=\"novels\"} 6\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_expert_posterior_mass_total{expert=\"python\"} 1.5\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_inter_token_seconds_count 6\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_time_to_first_token_seconds_count{mode=\"top_k\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_queue_depth 0\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_queue_seconds_count 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_active_sequences 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_revision 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_changes_total{kind=\"remove\",outcome=\"committed\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_changes_total{kind=\"remove\",outcome=\"failed\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_change_seconds_count{kind=\"remove\",phase=\"build\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_swap_pause_seconds_count 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_bytes_returned_total 4096\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_live_snapshots 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_experts{status=\"ready\"} 2\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_forest_experts{status=\"quarantined\"} 0\n", page, StringComparison.Ordinal);

        var promtool = Path.Combine(s_cache, "promtool", "promtool");
        Assert.True(File.Exists(promtool), $"{promtool} is missing; tests/fetch-promtool.sh fetches it (`./btx test` does)");
        using var check = Process.Start(new ProcessStartInfo(promtool, ["check", "metrics"])
        {
            RedirectStandardInput = true,
            RedirectStandardError = true,
            RedirectStandardOutput = true
        })!;
        var errors = check.StandardError.ReadToEndAsync();
        await check.StandardInput.WriteAsync(page);
        check.StandardInput.Close();
        await check.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal("", await errors);
        Assert.Equal(0, check.ExitCode);
    }

    private static Task WaitUntilIdle(RunningServer server) => Patience.UntilAsync(() => server.Engine.Running == 0, "the engine's rest");
}
