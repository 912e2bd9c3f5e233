using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Btx.Client;
using Btx.Engine;
using Btx.Server.Http.Chat;
using Btx.Server.Lifetime;
using Btx.Server.Metrics;
using Btx.Server.Requests;
using Btx.Server.Rpc;
using Btx.V1;

namespace Btx.Server.Tests.EndToEnd;

/// <summary>HTTP and gRPC in front of the real engine, a tiny exported forest and a tiny exported BTX model.</summary>
public sealed class ServedForestTests : IClassFixture<ServedForestFixture>, IAsyncLifetime
{
    private readonly ServedForestFixture _tiny;
    private LoadedForest _loaded = null!;
    private Microsoft.AspNetCore.Builder.WebApplication _app = null!;
    private HttpClient _http = null!;
    private BtxClient _remote = null!;

    public ServedForestTests(ServedForestFixture tiny) => _tiny = tiny;

    public async ValueTask InitializeAsync()
    {
        var metrics = new EngineMetrics(Prometheus.Metrics.NewCustomRegistry());
        _loaded = await LoadedForest.OpenAsync(new EngineOptions
        {
            Directory = _tiny.Served,
            Moe = _tiny.ServedMoe,
            Threads = 1,
            Slots = 4,
            Observer = metrics
        }, null, TestContext.Current.CancellationToken);
        var options = new ServerOptions
        {
            Http = new("--http", new(IPAddress.Loopback, 0)),
            Grpc = new("--grpc", new(IPAddress.Loopback, 0))
        };
        _app = ServerApplication.Build(options, new(_loaded), metrics);
        var (http, grpc, _) = await _app.OpenAsync(options, TestContext.Current.CancellationToken);
        _http = new() { BaseAddress = new(http) };
        _remote = new(grpc);
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        _remote.Dispose();
        await _app.DisposeAsync();
        await _loaded.Engine.DisposeAsync();
    }

    [Fact]
    public async Task Every_listed_model_answers()
    {
        foreach (var id in ModelId.All(_loaded.Engine.Describe()))
        {
            using var response = await _http.PostAsJsonAsync("/v1/completions",
                new { model = id, prompt = "The cat", max_tokens = 6, ignore_eos = true, logprobs = 1 });
            var body = await response.Content.ReadFromJsonAsync<JsonElement>();
            Assert.True(response.IsSuccessStatusCode, $"{id}: {body}");
            Assert.Equal(6, body.GetProperty("usage").GetProperty("completion_tokens").GetInt32());
            Assert.Equal(6, body.GetProperty("choices")[0].GetProperty("logprobs").GetProperty("tokens").GetArrayLength());
        }

        var page = await _http.GetStringAsync("/metrics");
        Assert.Contains("btx_requests_total{mode=\"ensemble\",outcome=\"length\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_requests_total{mode=\"moe\",outcome=\"length\"} 5\n", page, StringComparison.Ordinal);
        Assert.Contains("btx_moe_expert_tokens_total{layer=\"1\",expert=\"law-3\"}", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Mode_moe_reports_where_each_token_was_routed_and_scoring_agrees()
    {
        var request = new GenerateRequest
        {
            Prompt = new() { Tokens = new() { Ids = { 84, 104, 101 } } },
            Routing = new() { Mode = Mode.Moe, K = 3 },
            Sampling = new() { Temperature = 0 },
            MaxTokens = 6,
            IncludeExperts = true,
            IgnoreEos = true,
        };
        var tokens = await _remote.GenerateAsync(request, TestContext.Current.CancellationToken).ToListAsync();
        Assert.All(tokens, token => Assert.Equal((8, 3 * 2), (token.Routed.Gates.Count, token.Routed.Gates.Count(gate => gate > 0))));
        Assert.All(tokens, token => Assert.Equal(1, token.Routed.Domains.Sum(share => share.Share), 5));
        Assert.Equal((3 + 6 - 1) * 3, tokens[^1].Usage.RoutedTokens.Values.Sum(), 6);
        var text = new V1.Prompt { Tokens = new() { Ids = { request.Prompt.Tokens.Ids.Concat(tokens.Select(token => token.TokenId)) } } };
        var score = await _remote.ScoreAsync(new() { Text = text, Routing = request.Routing, IncludeExperts = true },
            TestContext.Current.CancellationToken);
        for (var i = 0; i < tokens.Count; i++)
        {
            Assert.Equal(tokens[i].Logprob, score.Logprobs[i + 2], 4);
            Assert.All(tokens[i].Routed.Gates.Zip(score.Routed[i + 2].Gates), gates => Assert.Equal(gates.First, gates.Second, 1e-4f));
        }
    }

    [Fact]
    public async Task All_experts_by_top_k_say_what_the_ensemble_says()
    {
        var count = _loaded.Engine.Describe().Experts.Count;
        Assert.Equal(await Greedy(new() { Mode = Mode.Ensemble }), await Greedy(new() { Mode = Mode.TopK, K = count }));
    }

    [Fact]
    public async Task Shares_and_posteriors_sum_to_one()
    {
        var request = new GenerateRequest { Prompt = new() { Text = "The cat" }, MaxTokens = 8, IncludeExperts = true, IgnoreEos = true };
        var tokens = await _remote.GenerateAsync(request, TestContext.Current.CancellationToken).Where(response => response.HasTokenId)
            .ToListAsync();
        Assert.Equal(8, tokens.Count);
        Assert.All(tokens, token => Assert.Equal(1, token.Experts.Sum(share => share.Contribution), 6));
        var score = await _remote.ScoreAsync(new() { Text = new() { Text = "The cat sat on the mat." } },
            TestContext.Current.CancellationToken);
        for (var i = 0; i < score.Logprobs.Count; i++)
        {
            Assert.Equal(1, score.Experts.Sum(expert => expert.Posterior[i]), 6);
            var mixed = Math.Log(score.Experts.Sum(expert => expert.Posterior[i] * Math.Exp(expert.Logprobs[i])));
            Assert.Equal(mixed, score.Logprobs[i], 4);
        }
    }

    [Fact]
    public async Task Generated_tokens_have_the_log_probabilities_that_scoring_gives_them()
    {
        var request = new GenerateRequest
        {
            Prompt = new() { Tokens = new() { Ids = { 84, 104, 101 } } },
            Sampling = new() { Temperature = 0 },
            MaxTokens = 6,
            IgnoreEos = true
        };
        var generated = await _remote.GenerateAsync(request, TestContext.Current.CancellationToken).Where(response => response.HasTokenId)
            .ToListAsync();
        var text =
            new V1.Prompt { Tokens = new() { Ids = { request.Prompt.Tokens.Ids.Concat(generated.Select(token => token.TokenId)) } } };
        var score = await _remote.ScoreAsync(new() { Text = text }, TestContext.Current.CancellationToken);
        for (var i = 0; i < generated.Count; i++) Assert.Equal(generated[i].Logprob, score.Logprobs[i + 2], 3);
    }

    [Fact]
    public async Task The_same_answer_comes_without_a_server()
    {
        using var renderer = new ChatRenderer(_loaded.Tokenizer);
        var here = new InferenceRpc(new(_loaded.Engine, _loaded.Tokenizer, new(), Server.Access.Caller.Owner),
            new(_loaded.Tokenizer, renderer, new()));
        var request = new GenerateRequest
        {
            Prompt = new() { Text = "The cat" },
            Sampling = new() { Seed = 3 },
            MaxTokens = 8,
            IgnoreEos = true
        };
        Assert.Equal(
            await _remote.GenerateAsync(request, TestContext.Current.CancellationToken).Select(response => response.Text).ToListAsync(),
            await here.GenerateAsync(request, TestContext.Current.CancellationToken).Select(response => response.Text).ToListAsync());
    }

    private async Task<string> Greedy(Routing routing)
    {
        var request = new GenerateRequest
        {
            Prompt = new() { Text = "The cat" },
            Routing = routing,
            Sampling = new() { Temperature = 0 },
            MaxTokens = 10,
            IgnoreEos = true
        };
        return string.Concat(await _remote.GenerateAsync(request, TestContext.Current.CancellationToken).Select(response => response.Text)
            .ToListAsync());
    }
}
