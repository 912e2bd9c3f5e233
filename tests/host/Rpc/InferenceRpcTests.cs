using Btx.Model.Mixing;
using Btx.Server.Rpc;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Rpc;

/// <summary>What gRPC answers.</summary>
public sealed class InferenceRpcTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Generate_streams_tokens_and_ends_with_reason_and_usage()
    {
        var responses = await Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 3, TopLogprobs = 2, IncludeExperts = true });
        Assert.Equal(4, responses.Count);
        Assert.Equal(_server.Tokenizer.Encode(FakeEngine.Completion)[..3], responses.Take(3).Select(response => response.TokenId));
        Assert.Equal([-0.5, -1, -1.5], responses.Take(3).Select(response => response.Logprob));
        Assert.Equal(2, responses[0].Top.Count);
        Assert.Equal(responses[0].Text, responses[0].Top[0].Text);
        Assert.Equal([("novels", 0.75, 0.9), ("python", 0.25, 0.1)],
            responses[0].Experts.Select(share => (share.Name, share.Posterior, share.Contribution)));
        Assert.False(responses[3].HasTokenId);
        Assert.Equal(FinishReason.Length, responses[3].FinishReason);
        Assert.Equal(3, responses[3].Usage.CompletionTokens);
        Assert.Equal(3, responses[3].Usage.ExpertSteps["python"]);
        Assert.Equal(0.02, responses[3].Usage.Seconds, 6);
    }

    [Fact]
    public async Task Experts_come_only_when_asked_for()
    {
        var responses = await Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 60 });
        Assert.All(responses, response => Assert.Empty(response.Experts));
        Assert.Equal(FakeEngine.Completion, string.Concat(responses.Select(response => response.Text)));
        Assert.Equal(FinishReason.Stop, responses[^1].FinishReason);
    }

    [Fact]
    public async Task Every_sampling_option_and_the_form_of_the_answer_reach_the_engine()
    {
        await Generate(new()
        {
            Prompt = new() { Text = "the" },
            MaxTokens = 30,
            ResponseFormat = new() { JsonObject = true },
            Sampling = new()
            {
                PresencePenalty = 0.5,
                FrequencyPenalty = -1,
                LogitBias = { [3] = 2.5 },
                MinTokens = 2,
                StopTokenIds = { 7, 8 },
            },
        });
        var asked = _server.Engine.LastGeneration!;
        Assert.Same(Engine.Grammars.OutputGrammar.AnyObject, asked.Grammar);
        Assert.Equal((0.5, -1, 2), (asked.Sampling.PresencePenalty, asked.Sampling.FrequencyPenalty, asked.Sampling.MinTokens));
        Assert.Equal([new(3, 2.5)], asked.Sampling.LogitBias);
        Assert.Equal([7, 8], asked.Sampling.StopTokenIds);
        await Generate(new() { Prompt = new() { Text = "the" }, ResponseFormat = new() { JsonSchema = "{\"enum\": [1, 2]}" } });
        Assert.Equal(1, _server.Engine.LastGeneration!.Grammar!.LeastBytes);
        foreach (var (schema, said) in new[] { ("{", "the schema is not JSON"), ("{\"enum\": [1], \"not\": {}}", "not") })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() =>
                Generate(new() { Prompt = new() { Text = "the" }, ResponseFormat = new() { JsonSchema = schema } }));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Assert.Contains(said, refused.Status.Detail, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Score_answers_n_tokens_and_n_minus_one_numbers()
    {
        var score = await _server.Inference.ScoreAsync(new() { Text = new() { Text = "the fox jumps" } });
        var n = score.Tokens.Count;
        Assert.Equal(_server.Engine.LastScore!.Tokens, score.Tokens);
        Assert.Equal(n - 1, score.Logprobs.Count);
        Assert.Equal(["novels", "python", "german"], score.Experts.Select(expert => expert.Name));
        Assert.All(score.Experts, expert => Assert.Equal((n - 1, n - 1), (expert.Logprobs.Count, expert.Posterior.Count)));
        Assert.Equal(SelectForm.PerToken, _server.Engine.LastScore.Routing.Select);
    }

    [Fact]
    public async Task Score_of_an_average_has_no_expert_scores()
    {
        var score = await _server.Inference.ScoreAsync(new()
        {
            Text = new() { Text = "the fox" },
            Routing = new() { Mode = Mode.Average }
        });
        Assert.All(score.Experts, expert => Assert.Empty(expert.Logprobs));
    }

    [Fact]
    public async Task Score_refuses_one_token_and_more_than_the_context()
    {
        foreach (var count in new[] { 1, 65 })
        {
            var request = new ScoreRequest { Text = new() { Tokens = new() { Ids = { Enumerable.Repeat(1, count) } } } };
            var failure = await Assert.ThrowsAsync<RpcException>(async () => await _server.Inference.ScoreAsync(request));
            Assert.Equal(StatusCode.InvalidArgument, failure.StatusCode);
        }
    }

    [Fact]
    public async Task A_long_text_is_scored_in_windows_where_that_is_asked_for()
    {
        int[] ids = [.. Enumerable.Range(0, 150)];
        var score = await _server.Inference.ScoreAsync(new()
        {
            Text = new() { Tokens = new() { Ids = { ids } } },
            Stride = 20,
            TopLogprobs = 1
        });
        Assert.Equal(ids, score.Tokens);
        Assert.Equal([(0, 64, 1), (20, 84, 64), (40, 104, 84), (60, 124, 104), (80, 144, 124), (86, 150, 144)],
            score.Windows.Select(window => (window.Start, window.End, window.First)));
        Assert.Equal(149, score.Logprobs.Count);
        Assert.Equal([-44.0, -45, -46], score.Logprobs.Skip(63).Take(3)); // the fake's entry i of a window is -1 - i
        Assert.All(score.Experts, expert => Assert.Equal((149, 149), (expert.Logprobs.Count, expert.Posterior.Count)));
        Assert.Equal(149, score.Top.Count);
        Assert.Equal(ids[86..150], _server.Engine.LastScore!.Tokens);
        Assert.Equal(32,
            (await _server.Inference.ScoreAsync(new() { Text = new() { Tokens = new() { Ids = { ids } } }, Stride = 0 })).Windows[1].Start);
        Assert.Single((await _server.Inference.ScoreAsync(new() { Text = new() { Text = "the fox" }, Stride = 0 })).Windows);
        foreach (var stride in new[] { -1, 64 })
            Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(async () =>
                await _server.Inference.ScoreAsync(new() { Text = new() { Text = "the fox" }, Stride = stride }))).StatusCode);
    }

    [Fact]
    public async Task Alternatives_have_their_bytes_and_hold_the_token_that_came()
    {
        var responses = (await Generate(new() { Prompt = new() { Text = "the" }, MaxTokens = 3, TopLogprobs = 2 })).Where(response =>
            response.HasTokenId).ToArray();
        Assert.All(responses,
            response => Assert.Contains(response.Top, top => (top.TokenId, top.Logprob) == (response.TokenId, response.Logprob)));
        Assert.All(responses, response => Assert.Equal(_server.Tokenizer.TokenBytes(response.TokenId).ToArray(), response.TokenBytes));
        int[] ids = [.. Enumerable.Range(0, 60)];
        var score = await _server.Inference.ScoreAsync(new() { Text = new() { Tokens = new() { Ids = { ids } } }, TopLogprobs = 2 });
        Assert.All(score.Top.Zip(ids.Skip(1), score.Logprobs),
            one => Assert.Contains(one.First.Entries, top => (top.TokenId, top.Logprob) == (one.Second, one.Third)));
        Assert.All(score.Top.SelectMany(top => top.Entries),
            top => Assert.Equal(_server.Tokenizer.TokenBytes(top.TokenId).ToArray(), top.Bytes));
        Assert.Equal(score.Top.SelectMany(top => top.Entries).Select(top => top.TokenId).Distinct().Count(),
            score.Top.SelectMany(top => top.Entries).Select(top => top.Text).Distinct().Count());
    }

    [Fact]
    public async Task Top_k_without_k_is_two_or_the_only_expert()
    {
        await Generate(new() { Prompt = new() { Text = "the" }, Routing = new() { Mode = Mode.TopK } });
        Assert.Equal(2, _server.Engine.LastGeneration!.Routing.K);
        var one = _server.Engine.Forest with { Experts = ["novels"], Domains = ["novels"] };
        Assert.Equal(1, RoutingMessages.ToRouting(new() { Mode = Mode.TopK }, scores: false, one).K);
    }

    [Fact]
    public async Task Describe_names_the_experts()
    {
        var forest = await _server.Inference.DescribeAsync(new());
        Assert.Equal(["novels", "python", "german"], forest.Experts.Select(expert => expert.Name));
        Assert.Equal(["novels", "python"], forest.PriorDomains);
        Assert.Equal(64, forest.ContextLength);
        Assert.Equal([("novels", "prose"), ("python", "code"), ("fables", "prose")],
            forest.Moe.Experts.Select(expert => (expert.Name, expert.Domain)));
        Assert.Equal((1, 2, "top2", "int8", new string('b', 64)), (forest.Moe.ExpertsPerToken, forest.Moe.Layers,
            forest.Moe.Router, forest.Moe.Precision, forest.Moe.Sha256));
        Assert.Equal([1, 2, 3], forest.Moe.Choices);
    }

    [Fact]
    public async Task Mode_moe_reports_the_routers_gates_by_layer_and_by_domain()
    {
        var responses = await Generate(new()
        {
            Prompt = new() { Text = "the" },
            Routing = new() { Mode = Mode.Moe },
            MaxTokens = 2,
            IncludeExperts = true
        });
        // the model's own k
        Assert.Equal((RoutingMode.Moe, 1), (_server.Engine.LastGeneration!.Routing.Mode, _server.Engine.LastGeneration.Routing.K));
        Assert.All(responses, response => Assert.Empty(response.Experts));
        Assert.Equal([0.75f, 0.25f, 0, 0, 0, 1], responses[0].Routed.Gates);
        Assert.Equal([("prose", 0.875), ("code", 0.125)], responses[0].Routed.Domains.Select(share => (share.Domain, share.Share)));
        Assert.Null(responses[2].Routed);
        Assert.Equal(0.5, responses[2].Usage.RoutedTokens["python"]);

        responses = await Generate(new() { Prompt = new() { Text = "the" }, Routing = new() { Mode = Mode.Moe, K = 3 }, MaxTokens = 2 });
        Assert.Equal(3, _server.Engine.LastGeneration.Routing.K);
        Assert.All(responses, response => Assert.Null(response.Routed));
    }

    [Fact]
    public async Task Score_in_mode_moe_reports_gates_on_request()
    {
        var request = new ScoreRequest
        {
            Text = new() { Text = "the fox jumps" },
            Routing = new() { Mode = Mode.Moe },
            IncludeExperts = true
        };
        var score = await _server.Inference.ScoreAsync(request);
        Assert.Empty(score.Experts);
        Assert.Equal(score.Tokens.Count - 1, score.Routed.Count);
        Assert.Equal([0.125, 0.875], score.Routed[1].Domains.Select(share => share.Share));
        request.IncludeExperts = false;
        Assert.Empty((await _server.Inference.ScoreAsync(request)).Routed);
    }

    [Fact]
    public async Task Cancelling_the_call_frees_the_request()
    {
        _server.Engine.Hold = Task.Delay(Timeout.Infinite);
        using var call = _server.Inference.Generate(new() { Prompt = new() { Text = "the" } });
        Assert.True(await call.ResponseStream.MoveNext(default));
        call.Dispose();
        await _server.Engine.Cancelled.WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_passed_deadline_frees_the_request()
    {
        _server.Engine.Hold = Task.Delay(Timeout.Infinite);
        // It may pass before the call arrives.
        for (var time = TimeSpan.FromMilliseconds(500); _server.Engine.Generations.IsEmpty; time *= 2)
        {
            using var call = _server.Inference.Generate(new() { Prompt = new() { Text = "the" } }, deadline: DateTime.UtcNow + time);
            var failure = await Assert.ThrowsAsync<RpcException>(async () =>
            {
                while (await call.ResponseStream.MoveNext(default)) { }
            });
            Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        }

        await _server.Engine.Cancelled.WaitAsync(TimeSpan.FromSeconds(30));
    }

    private async Task<List<GenerateResponse>> Generate(GenerateRequest request)
    {
        using var call = _server.Inference.Generate(request);
        return await call.ResponseStream.ReadAllAsync().ToListAsync();
    }
}
