using Btx.Model;
using Btx.Model.Mixing;
using Btx.Trainer.Evaluation;

namespace Btx.Trainer.Tests.Evaluation;

public sealed class EvaluationModesTests
{
    private static readonly string[] Experts = ["a", "b", "c"];

    private static IReadOnlyList<EvaluationMode> Parse(params string[] texts) =>
        EvaluationModes.Parse(texts, Experts, ["seed", "dense"], SelectForm.PerToken);

    [Fact]
    public void All_there_is_by_default()
    {
        Assert.Equal(
            ["seed", "dense", "expert:a", "expert:b", "expert:c", "ensemble", "ensemble:last_token", "ensemble:fixed", "ensemble:switching",
                "top_1", "top_2", "top_3", "top_p=0.9",
                "average:uniform", "average:posterior", "average:argmax"],
            Parse([.. EvaluationModes.Default(3, ["seed", "dense"])]).Select(m => m.Key));
        Assert.DoesNotContain("seed", EvaluationModes.Default(3, []));
        Assert.Equal(["top_1", "top_2", "top_4", "top_8", "top_16", "top_20"], EvaluationModes.Default(20, [])
            .Where(m => m.StartsWith("top_", StringComparison.Ordinal) && !m.Contains('=', StringComparison.Ordinal)));
    }

    [Fact]
    public void Each_name_has_its_routing()
    {
        Assert.Equal(new Routing { Mode = RoutingMode.TopK, K = 2, Select = SelectForm.PerToken }, Parse("top_2")[0].Routing);
        Assert.Equal(new Routing { Mode = RoutingMode.TopP, P = 0.75, Select = SelectForm.PerToken }, Parse("top_p=0.75")[0].Routing);
        Assert.Equal(new Routing { Mode = RoutingMode.TopK, K = 2, Router = ExpertRouter.Probe, ProbeTokens = 8, SelectTokens = 7 },
            Parse("top_2:probe=8")[0].Routing);
        Assert.Equal(new Routing { Posterior = PosteriorKind.Switching }, Parse("ensemble:switching")[0].Routing);
        Assert.Equal(new Routing { Mode = RoutingMode.Average, Average = AverageWeights.Posterior }, Parse("average:posterior")[0].Routing);
        Assert.Equal("b", Parse("expert:b")[0].Routing!.Expert);
        Assert.Null(Parse("seed")[0].Routing);
        Assert.Equal(["ensemble", "average:uniform"], Parse("ensemble:full_prefix", "ensemble", "average").Select(m => m.Key));
        Assert.Equal(["expert:a", "expert:b", "expert:c"], Parse("expert:a", "experts").Select(m => m.Key));
    }

    [Fact]
    public void Compared_models_and_the_mixture_follow_the_baselines()
    {
        string[] models = ["seed", "dense", "continued", "upcycled", "moe"];
        IReadOnlyList<EvaluationMode> Mixed(params string[] texts) =>
            EvaluationModes.Parse(texts, Experts, models, SelectForm.PerToken, (4, 2));
        var all = EvaluationModes.Default(3, models);
        Assert.Equal(["seed", "dense", "continued", "upcycled", "moe", "experts"], all.Take(6));
        Assert.Equal(["continued", "upcycled"], Mixed("continued", "models").Select(m => m.Key));
        Assert.Equal([2, 1, 4], Mixed("moe", "moe:k=1", "moe:k=4").Select(m => m.Routing!.K));
        Assert.All(Mixed("moe", "continued", "seed"), m => Assert.NotNull(m.Model));
        Assert.Contains("1..4", Assert.Throws<BtxException>(() => Mixed("moe:k=5")).Message, StringComparison.Ordinal);
        Assert.Contains("1..4", Assert.Throws<BtxException>(() => Mixed("moe:k=0")).Message, StringComparison.Ordinal);
        Assert.Contains("unknown mode", Assert.Throws<BtxException>(() => Mixed("moe:k=x")).Message, StringComparison.Ordinal);
        Assert.Contains("--btx", Assert.Throws<BtxException>(() => Parse("moe")).Message, StringComparison.Ordinal);
        Assert.Contains("--model", Assert.Throws<BtxException>(() => Parse("models")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("top_0", "1..3")]
    [InlineData("top_4", "1..3")]
    [InlineData("top_-1", "1..3")]
    [InlineData("top_4:probe=8", "1..3")]
    [InlineData("top_1:probe=1", "2 or more")]
    [InlineData("top_1:probe=-2147483648", "2 or more")]
    [InlineData("top_1:probe=", "unknown mode")]
    [InlineData("top_:probe=8", "unknown mode")]
    [InlineData("top_p=0.5:probe=8", "unknown mode")]
    [InlineData("top_x", "unknown mode")]
    [InlineData("top_99999999999999", "unknown mode")]
    [InlineData("top_p=0", "(0, 1]")]
    [InlineData("top_p=NaN", "(0, 1]")]
    [InlineData("top_p=x", "unknown mode")]
    [InlineData("expert:z", "a, b, c")]
    [InlineData("average:x", "unknown mode")]
    [InlineData("mean", "choose among")]
    public void Anything_else_is_refused_with_the_choices(string text, string named)
    {
        var message = Assert.Throws<BtxException>(() => Parse(text)).Message;
        Assert.StartsWith($"--modes {text}: ", message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_model_that_was_not_given_is_asked_for()
    {
        Assert.Contains("--seed-model", Assert.Throws<BtxException>(() =>
            EvaluationModes.Parse(["seed"], Experts, [], SelectForm.Prompt)).Message, StringComparison.Ordinal);
        Assert.Contains("--dense", Assert.Throws<BtxException>(() =>
            EvaluationModes.Parse(["dense"], Experts, [], SelectForm.Prompt)).Message, StringComparison.Ordinal);
        Assert.Throws<BtxException>(() => Parse());
    }
}
