using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests;

/// <summary>Every bad request gets one clear line and the right reason.</summary>
public sealed class RequestRulesTests
{
    private static readonly ForestDescription Forest = new(["a", "b"], ["a", "b"], ["a"], 16, 320, "", "fp32", "cpu", default);

    private static readonly ForestDescription WithMoe = Forest with { Moe = FakeForest.MoeDescription };

    public static TheoryData<string, string> Bad { get; } = new()
    {
        { "empty", "prompt is empty" }, { "long", "the context holds 16" }, { "negative token", "prompt token 1 is -1" },
            { "token", "prompt token 0 is 320" }, { "max 0", "max_tokens is 0" },
        { "max -5", "max_tokens is -5" }, { "temperature nan", "temperature is NaN" }, { "temperature -1", "temperature is -1" },
            { "top_p 0", "top_p is 0" }, { "top_k -1", "top_k is -1" },
        { "min_p 2", "min_p is 2" }, { "penalty 0", "repetition_penalty is 0" }, { "k 0", "k is 0" }, { "k 3", "k is 3" },
            { "mode", "unknown mode" }, { "stop", "an empty string" },
        { "stops", "stop has 17 strings" }, { "top 21", "0..20" }, { "per token", "per_token" }, { "p nan", "p is NaN" },
        { "presence nan", "presence_penalty is NaN" }, { "frequency 2.1", "frequency_penalty is 2.1" },
        { "bias inf", "logit_bias of token 5 is" }, { "bias id", "logit_bias token 1 is 320" }, { "biases", "logit_bias has 301 tokens" },
        { "min tokens", "min_tokens is 13; expected 0..12" },
        { "stop ids", "stop_token_ids has 65 tokens" }, { "stop id", "stop_token_ids token 0 is -1" },
    };

    private static GenerationRequest Make(string problem)
    {
        var good = Request(new Routing());
        return problem switch
        {
            "empty" => good with { Prompt = [] },
            "long" => good with { Prompt = new int[16] },
            "negative token" => good with { Prompt = [1, -1] },
            "token" => good with { Prompt = [320] },
            "max 0" => good with { MaxTokens = 0 },
            "max -5" => good with { MaxTokens = -5 },
            "temperature nan" => good with { Sampling = new SamplingOptions { Temperature = double.NaN } },
            "temperature -1" => good with { Sampling = new SamplingOptions { Temperature = -1 } },
            "top_p 0" => good with { Sampling = new SamplingOptions { TopP = 0 } },
            "top_k -1" => good with { Sampling = new SamplingOptions { TopK = -1 } },
            "min_p 2" => good with { Sampling = new SamplingOptions { MinP = 2 } },
            "penalty 0" => good with { Sampling = new SamplingOptions { RepetitionPenalty = 0 } },
            "k 0" => good with { Routing = TopK(0) },
            "k 3" => good with { Routing = TopK(3) },
            "mode" => good with { Routing = new Routing { Mode = (RoutingMode)77 } },
            "stop" => good with { Stop = ["x", ""] },
            "stops" => good with { Stop = [.. Enumerable.Repeat("x", 17)] },
            "top 21" => good with { TopLogProbs = 21 },
            "presence nan" => good with { Sampling = new SamplingOptions { PresencePenalty = double.NaN } },
            "frequency 2.1" => good with { Sampling = new SamplingOptions { FrequencyPenalty = 2.1 } },
            "bias inf" => good with { Sampling = Biased((5, double.PositiveInfinity)) },
            "bias id" => good with { Sampling = Biased((5, 1), (320, 1)) },
            "biases" => good with { Sampling = Biased([.. Enumerable.Range(0, 301).Select(i => (i, 1.0))]) },
            "min tokens" => good with { Sampling = new SamplingOptions { MinTokens = 13 } },
            "stop ids" => good with { Sampling = new SamplingOptions { StopTokenIds = new int[65] } },
            "stop id" => good with { Sampling = new SamplingOptions { StopTokenIds = [-1] } },
            "per token" => good with { Routing = TopK(1) with { Select = SelectForm.PerToken } },
            _ => good with { Routing = new Routing { Mode = RoutingMode.TopP, P = double.NaN } },
        };
    }

    private static SamplingOptions Biased(params (int Token, double Bias)[] biases) =>
        new() { LogitBias = biases.ToDictionary(b => b.Token, b => b.Bias) };

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_requests_are_refused_in_one_line(string problem, string expected)
    {
        var e = Assert.Throws<RequestRejectedException>(() => RequestRules.Check(Make(problem), Forest));
        Assert.Equal(ErrorKind.Invalid, e.Kind);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', e.Message);
    }

    [Fact]
    public void Mode_moe_takes_k_and_nothing_of_the_forests_options()
    {
        foreach (var k in new[] { 1, 2, 4 }) RequestRules.Check(Request(Moe(k)), WithMoe);
        foreach (var (routing, expected) in new[]
        {
            (Moe(0), "k is 0; expected 1..4"), (Moe(5), "k is 5; expected 1..4"),
                (Moe(2) with { Posterior = PosteriorKind.Fixed }, "a posterior does not apply to mode moe"),
            (Moe(2) with { PriorDomain = "a" }, "a prior domain does not apply"),
                (Moe(2) with { RerouteInterval = 4 }, "a re-route interval does not apply"),
                (Probe(Moe(2), 4), "a router does not apply"),
        })
        {
            var e = Assert.Throws<RequestRejectedException>(() => RequestRules.Check(new ScoreRequest([1, 2], routing), WithMoe));
            Assert.Equal(ErrorKind.Invalid, e.Kind);
            Assert.StartsWith(expected, e.Message, StringComparison.Ordinal);
        }

        var none = Assert.Throws<RequestRejectedException>(() => RequestRules.Check(Request(Moe(1)), Forest));
        Assert.Equal((ErrorKind.Missing, "mode moe needs a BTX model; none is loaded"), (none.Kind, none.Message));
        var built = WithMoe with { Moe = FakeForest.MoeDescription with { Choices = [1, 2] } };
        Assert.Contains("exported for k 1, 2",
            Assert.Throws<RequestRejectedException>(() => RequestRules.Check(Request(Moe(3)), built)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Unknown_names_are_not_found()
    {
        foreach (var routing in new[]
        {
            Expert("zzz"), new Routing { PriorDomain = "b" },
                new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "b" },
        })
            Assert.Equal(ErrorKind.Missing,
                Assert.Throws<RequestRejectedException>(() => RequestRules.Check(Request(routing), Forest)).Kind);
    }

    [Fact]
    public void Texts_to_score_have_two_tokens_to_a_context()
    {
        RequestRules.Check(new ScoreRequest(new int[16], TopK(1) with { Select = SelectForm.PerToken }), Forest);
        Assert.Throws<RequestRejectedException>(() => RequestRules.Check(new ScoreRequest(new int[17], new Routing()), Forest));
        Assert.Throws<RequestRejectedException>(() => RequestRules.Check(new ScoreRequest([1], new Routing()), Forest));
    }

    [Fact]
    public void Options_report_all_faults_at_once()
    {
        var e = Assert.Throws<BtxException>(() =>
            new EngineOptions { Directory = " ", Moe = "", Slots = 0, PrefillChunk = 0, Threads = -1 }.Validate());
        foreach (var part in new[] { "--slots is 0", "--prefill-chunk is 0", "--threads is -1", "no served forest", "no served BTX model" })
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
    }
}
