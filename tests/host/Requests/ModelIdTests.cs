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
        { "expert:novels", new() { Mode = RoutingMode.Expert, Expert = "novels" } },
    };

    [Theory]
    [MemberData(nameof(Ids))]
    public void Id_names_a_routing(string id, Routing expected) => Assert.Equal(expected, ModelId.Parse(id));

    [Theory]
    [InlineData("")]
    [InlineData("gpt-4")]
    [InlineData("Forest")]
    public void Unknown_models_are_not_found(string id) =>
        Assert.Equal(RejectionReason.NotFound, Assert.Throws<InvalidRequestException>(() => ModelId.Parse(id)).Fault.Reason);

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
    [InlineData("average:median")]
    [InlineData("expert")]
    [InlineData("expert:")]
    public void Bad_options_are_invalid(string id)
    {
        var fault = Assert.Throws<InvalidRequestException>(() => ModelId.Parse(id)).Fault;
        Assert.Equal(RejectionReason.InvalidArgument, fault.Reason);
        Assert.Equal("model", fault.Parameter);
    }

    [Fact]
    public void Every_listed_id_is_valid_for_the_forest()
    {
        var forest = new FakeEngine(RunningServer.SomeTokenizer).Forest;
        Assert.All(ModelId.All(forest), id => Assert.Null(RequestFaults.RoutingFault(ModelId.Parse(id), forest)));
    }
}
