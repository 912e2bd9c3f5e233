using Btx.Model;
using Btx.Model.Moe;
using Btx.Trainer.Phases;

namespace Btx.Trainer.Tests.Phases;

public sealed class MoeTuningTests
{
    [Theory]
    [InlineData(RouterKind.TopK, 3, null, null, RouterKind.TopK, 3)]
    [InlineData(RouterKind.TopK, 3, null, 4, RouterKind.TopK, 4)]
    [InlineData(RouterKind.TopK, 3, RouterKind.Switch, null, RouterKind.Switch, 1)]
    [InlineData(RouterKind.TopK, 3, RouterKind.Soft, 4, RouterKind.Soft, 4)]
    [InlineData(RouterKind.Switch, 1, null, null, RouterKind.Switch, 1)]
    [InlineData(RouterKind.Switch, 1, RouterKind.TopK, null, RouterKind.TopK, 2)]
    public void A_mixture_routes_as_it_was_made_unless_told_otherwise(string made, int madeK, string? kind, int? k, string router,
    int expertsPerToken)
    {
        var source = Source(made, madeK);
        var tuning = new MoeTuning { Source = source, Routing = MoeTuning.Route(source, kind, k, 0.01, 1) };
        Assert.Equal((router, expertsPerToken), (tuning.Routing.Router, tuning.ExpertsPerToken));
    }

    [Theory]
    [InlineData("top3", null, 0.01, "--router top3: unknown; choose one of top2, switch, sample_top1, soft")]
    [InlineData(null, 5, 0.01, "--k 5: the model has 4 experts; choose 1..4")]
    [InlineData(null, 0, 0.01, "--k 0: the model has 4 experts; choose 1..4")]
    [InlineData(RouterKind.Switch, 2, 0.01, "--k 2: --router switch always runs 1 of 4 experts; leave --k out or choose --router top2")]
    [InlineData(null, null, -1, "--load-balancing -1: expected a number of at least 0")]
    [InlineData(null, null, double.NaN, "--load-balancing NaN: expected a number of at least 0")]
    public void What_does_not_fit_is_one_line(string? kind, int? k, double loadBalancing, string message) =>
        Assert.Equal(message,
        Assert.Throws<BtxException>(() => MoeTuning.Route(Source(RouterKind.TopK, 2), kind, k, loadBalancing, 1)).Message);

    private static BtxManifest Source(string kind, int k)
    {
        var hash = new string('a', 64);
        return new()
        {
            Architecture = hash,
            Tokenizer = hash,
            Sha256 = hash,
            Router = new() { Kind = kind, ExpertsPerToken = k },
            Experts = [.. Enumerable.Range(0, 4).Select(i => new BtxExpert { Name = $"expert-{i}", Domain = $"expert-{i}" })],
        };
    }
}
