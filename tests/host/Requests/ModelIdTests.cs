using Btx.Engine;
using Btx.Model.Mixing;
using Btx.Server.Requests;
using Btx.Server.Tests.Fakes;

namespace Btx.Server.Tests.Requests;

/// <summary>Which routing a model id names.</summary>
public sealed class ModelIdTests
{
    public static TheoryData<string, Routing> Ids => new()
    {
        { "forest", new() },
        { "forest:top_k=2", new() { Mode = RoutingMode.TopK, K = 2 } },
        { "forest:top_p=0.9", new() { Mode = RoutingMode.TopP, P = 0.9 } },
        { "forest:top_k=2,posterior=last_token", new() { Mode = RoutingMode.TopK, K = 2, Posterior = PosteriorKind.LastToken } },
        { "forest:posterior=fixed,prior=python", new() { Posterior = PosteriorKind.Fixed, PriorDomain = "python" } },
        { "forest:switching=0.25", new() { Posterior = PosteriorKind.Switching, SwitchingRate = 0.25 } },
        { "forest:top_p=0.5,reroute=16,select=prompt", new() { Mode = RoutingMode.TopP, P = 0.5, RerouteInterval = 16 } },
        { "average", new() { Mode = RoutingMode.Average } },
        { "average:uniform", new() { Mode = RoutingMode.Average } },
        { "average:posterior@python", new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "python" } },
        { "average:argmax@novels", new() { Mode = RoutingMode.Average, Average = AverageWeights.Argmax, AverageDomain = "novels" } },
        { "average:prose", new() { Mode = RoutingMode.Average, AverageName = "prose" } },
        { "expert:novels", new() { Mode = RoutingMode.Expert, Expert = "novels" } },
        { "btx", new() { Mode = RoutingMode.Moe, K = 1 } },
        { "btx:k=3", new() { Mode = RoutingMode.Moe, K = 3 } },
    };

    private static readonly ForestDescription Forest = new FakeEngine(RunningServer.SomeTokenizer).Forest;

    [Theory]
    [MemberData(nameof(Ids))]
    public void Id_names_a_routing(string id, Routing expected) => Assert.Equal(expected, ModelId.Parse(id, Forest.Mixture));

    [Theory]
    [InlineData("")]
    [InlineData("gpt-4")]
    [InlineData("Forest")]
    [InlineData("btx2")]
    public void Unknown_models_are_not_found(string id) =>
        Assert.Equal(RejectionReason.NotFound, Assert.Throws<InvalidRequestException>(() => ModelId.Parse(id, Forest.Mixture)).Fault.Reason);

    [Theory]
    [InlineData("forest:")]
    [InlineData("forest:top_k")]
    [InlineData("forest:top_k=")]
    [InlineData("forest:top_k=two")]
    [InlineData("forest:top_k=1,top_k=2")]
    [InlineData("forest:top_k=1,top_p=0.5")]
    [InlineData("forest:colour=red")]
    [InlineData("forest:posterior=best")]
    [InlineData("forest:switching=0.1,posterior=fixed")]
    [InlineData("average:median@python")]
    [InlineData("btx:")]
    [InlineData("btx:k=many")]
    [InlineData("btx:posterior=fixed")]
    [InlineData("expert")]
    [InlineData("expert:")]
    public void Bad_options_are_invalid(string id)
    {
        var fault = Assert.Throws<InvalidRequestException>(() => ModelId.Parse(id, Forest.Mixture)).Fault;
        Assert.Equal(RejectionReason.InvalidArgument, fault.Reason);
        Assert.Equal("model", fault.Parameter);
    }

    [Fact]
    public void Every_listed_id_is_valid_for_what_is_served()
    {
        var alone = Forest with { Experts = [], Domains = [], PriorDomains = [], Averages = [] };
        Assert.Equal(["btx", "btx:k=1", "btx:k=2", "btx:k=3"], ModelId.All(alone));
        var without = Forest with { Mixture = null };
        Assert.DoesNotContain(ModelId.All(without), id => id.StartsWith("btx", StringComparison.Ordinal));
        foreach (var served in new[] { Forest, alone, without })
            Assert.All(ModelId.All(served), id => Assert.Null(RequestFaults.RoutingFault(ModelId.Parse(id, served.Mixture), served)));
    }

    [Theory]
    [InlineData("btx", "none is loaded", false)]
    [InlineData("btx:k=2", "none is loaded", false)]
    [InlineData("forest", "only a BTX model is loaded", true)]
    [InlineData("expert:novels", "only a BTX model is loaded", true)]
    public void A_model_that_is_not_loaded_is_not_found(string id, string message, bool mixtureOnly)
    {
        var served = mixtureOnly ? Forest with { Experts = [], Domains = [], PriorDomains = [] } : Forest with { Mixture = null };
        var fault = RequestFaults.RoutingFault(ModelId.Parse(id, served.Mixture), served)!;
        Assert.Equal(RejectionReason.NotFound, fault.Reason);
        Assert.Contains(message, fault.Message, StringComparison.Ordinal);
    }
}
