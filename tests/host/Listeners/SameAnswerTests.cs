using System.Net.Http.Json;
using System.Text.Json;
using Btx.Model.Mixing;
using Btx.Server.Tests.Fakes;
using Btx.V1;
using Grpc.Core;

namespace Btx.Server.Tests.Listeners;

/// <summary>One request asked over both protocols is the same request to the engine and gets the same text.</summary>
public sealed class SameAnswerTests : IAsyncLifetime
{
    private RunningServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RunningServer.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Every_value_reaches_the_engine_over_both_protocols()
    {
        using var call = _server.Inference.Generate(new()
        {
            Prompt = new() { Text = "the fox" },
            Routing = new()
            {
                Mode = Mode.TopK,
                K = 1,
                Posterior = V1.PosteriorKind.LastToken,
                PriorDomain = "python",
                RerouteInterval = 8,
                Router = V1.ExpertRouter.Probe,
                ProbeTokens = 3,
            },
            Sampling = new() { Temperature = 0.5, TopP = 0.9, TopK = 7, MinP = 0.1, RepetitionPenalty = 1.2, Seed = 42 },
            MaxTokens = 5,
            Stop = { "END", "x" },
            TopLogprobs = 2,
            IgnoreEos = true,
        });
        var text = string.Concat(await call.ResponseStream.ReadAllAsync().Select(response => response.Text).ToListAsync());
        var fromGrpc = _server.Engine.LastGeneration!;

        using var response = await _server.Http.PostAsJsonAsync("/v1/completions", new
        {
            model = "forest:top_k=1,posterior=last_token,prior=python,reroute=8,router=probe,probe_tokens=3",
            prompt = "the fox",
            temperature = 0.5,
            top_p = 0.9,
            top_k = 7,
            min_p = 0.1,
            repetition_penalty = 1.2,
            seed = 42,
            max_tokens = 5,
            stop = new[] { "END", "x" },
            logprobs = 2,
            ignore_eos = true,
        });
        var body = await response.Content.ReadFromJsonAsync<JsonElement>();
        var fromHttp = _server.Engine.LastGeneration!;

        Assert.Equal(text, body.GetProperty("choices")[0].GetProperty("text").GetString());
        Assert.Equal(fromGrpc.Prompt, fromHttp.Prompt);
        Assert.Equal(_server.Tokenizer.Encode("the fox"), fromHttp.Prompt[^_server.Tokenizer.Encode("the fox").Length..]);
        Assert.Equal(fromGrpc.Stop, fromHttp.Stop);
        Assert.Equal(new Model.Mixing.Routing
        {
            Mode = RoutingMode.TopK,
            K = 1,
            Posterior = Model.Mixing.PosteriorKind.LastToken,
            PriorDomain = "python",
            RerouteInterval = 8,
            Router = Model.Mixing.ExpertRouter.Probe,
            ProbeTokens = 3,
        }, fromHttp.Routing);
        Assert.Equal(fromGrpc.Routing, fromHttp.Routing);
        Assert.Equal(new Engine.Requests.SamplingOptions
        {
            Temperature = 0.5,
            TopP = 0.9,
            TopK = 7,
            MinP = 0.1,
            RepetitionPenalty = 1.2,
            Seed = 42
        }, fromHttp.Sampling);
        Assert.Equal(fromGrpc.Sampling, fromHttp.Sampling);
        Assert.Equal((5, 2, true), (fromHttp.MaxTokens, fromHttp.TopLogProbs, fromHttp.IgnoreEndOfSequence));
        Assert.Equal((5, 2, true), (fromGrpc.MaxTokens, fromGrpc.TopLogProbs, fromGrpc.IgnoreEndOfSequence));
    }

    [Fact]
    public async Task Absent_values_mean_the_same_over_both_protocols()
    {
        using var call = _server.Inference.Generate(new() { Prompt = new() { Text = "the" } });
        while (await call.ResponseStream.MoveNext(default)) { }
        var fromGrpc = _server.Engine.LastGeneration!;
        using var response = await _server.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "the" });
        response.EnsureSuccessStatusCode();
        var fromHttp = _server.Engine.LastGeneration!;
        Assert.Equal(fromGrpc with { Prompt = fromHttp.Prompt, Stop = fromHttp.Stop }, fromHttp);
        Assert.Equal(16, fromHttp.MaxTokens);
    }

    [Fact]
    public async Task The_beginning_of_text_is_added_where_the_tokenizer_asks_for_it()
    {
        using var response = await _server.Http.PostAsJsonAsync("/v1/completions", new { model = "forest", prompt = "the" });
        response.EnsureSuccessStatusCode();
        var tokenizer = _server.Tokenizer;
        int[] expected = tokenizer.AddBos ? [tokenizer.BosId!.Value, .. tokenizer.Encode("the")] : tokenizer.Encode("the");
        Assert.Equal(expected, _server.Engine.LastGeneration!.Prompt);
    }
}
