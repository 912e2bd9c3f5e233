using Btx.Engine;
using Btx.Model;
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
        { "forest:top_k=1,router=probe,probe_tokens=8", new() { Mode = RoutingMode.TopK, K = 1, Router = ExpertRouter.Probe,
            ProbeTokens = 8 } },
        { "forest:top_p=0.5,router=all", new() { Mode = RoutingMode.TopP, P = 0.5 } },
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

    [Fact]
    public void Every_value_of_the_wire_has_a_member_of_the_same_name()
    {
        static void Same<TWire, T>() where TWire : struct, Enum where T : struct, Enum =>
            Assert.Equal(Enum.GetNames<T>().Order(), Enum.GetNames<TWire>().Skip(1).Order());
        Same<Btx.V1.Mode, RoutingMode>();
        Same<Btx.V1.PosteriorKind, PosteriorKind>();
        Same<Btx.V1.Selection, SelectForm>();
        Same<Btx.V1.ExpertRouter, ExpertRouter>();
        Same<Btx.V1.AverageKind, AverageWeights>();
    }

    [Theory]
    [MemberData(nameof(Ids))]
    public void Id_names_a_routing(string id, Routing expected) => Assert.Equal(expected, ModelId.Parse(id, Forest).Routing);

    [Theory]
    [InlineData("")]
    [InlineData("gpt-4")]
    [InlineData("Forest")]
    [InlineData("btx2")]
    public void Unknown_models_are_not_found(string id) =>
        Assert.Equal(ErrorKind.Missing, Assert.Throws<RequestRejectedException>(() => ModelId.Parse(id, Forest)).Problem.Kind);

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
    [InlineData("forest:reroute=4")]
    [InlineData("forest:select=prompt")]
    [InlineData("forest:posterior=fixed,top_k=2,reroute=4")]
    [InlineData("forest:router=probe")]
    [InlineData("forest:top_k=1,router=some")]
    [InlineData("forest:top_k=1,probe_tokens=8")]
    [InlineData("forest:top_k=1,router=all,probe_tokens=8")]
    [InlineData("forest:top_k=1,router=probe,posterior=fixed")]
    [InlineData("btx:router=probe")]
    [InlineData("forest:prior=")]
    [InlineData("average:uniform@python")]
    [InlineData("average:@python")]
    [InlineData("average:@")]
    [InlineData("average:uniform@")]
    [InlineData("average:posterior@")]
    [InlineData("btx:")]
    [InlineData("btx:k=many")]
    [InlineData("btx:posterior=fixed")]
    [InlineData("expert")]
    [InlineData("expert:")]
    public void Bad_options_are_invalid(string id)
    {
        var problem = Assert.Throws<RequestRejectedException>(() => ModelId.Parse(id, Forest)).Problem;
        Assert.Equal(ErrorKind.Invalid, problem.Kind);
        Assert.Equal("model", problem.Parameter);
    }

    [Theory]
    [InlineData("forest:top_k=0002", "forest:top_k=2")]
    [InlineData("forest:top_k=+2", "forest:top_k=2")]
    [InlineData("forest:top_p=9e-1,reroute=0016", "forest:top_p=0.9,reroute=16")]
    [InlineData("forest:top_p=.5,router=probe,probe_tokens=08", "forest:top_p=0.5,router=probe,probe_tokens=8")]
    [InlineData("forest:switching=0.2500", "forest:switching=0.25")]
    [InlineData("btx:k=03", "btx:k=3")]
    [InlineData("expert:novels", "expert:novels")]
    public void Answers_name_the_model_in_its_usual_form(string id, string name)
    {
        Assert.Equal(name, ModelId.Parse(id, Forest).Name);
        Assert.Equal(ModelId.Parse(name, Forest), ModelId.Parse(id, Forest));
    }

    [Fact]
    public void Ids_are_capped_and_quotes_of_them_cut()
    {
        Assert.Equal("forest:top_k=1", ModelId.Parse($"forest:top_k={new string('0', 400)}1", Forest).Name);
        foreach (var id in new[] { $"forest:top_k={new string('0', 3_900_000)}1",
            new string('x', 500), $"forest:top_k=1,{new string('y', 400)}=\r\n", $"expert:{new string('\0', 400)}" })
        {
            var message = Record.Exception(() => ModelId.Parse(id, Forest))?.Message
                ?? RequestRules.RoutingProblem(ModelId.Parse(id, Forest).Routing, Forest)!.Message;
            Assert.InRange(message.Length, 1, 1000);
            Assert.DoesNotContain(message, char.IsControl);
        }
    }

    [Fact]
    public void Any_text_is_an_id_or_refused()
    {
        var random = new Random(11);
        string[] parts = ["forest", "btx", "average", "expert", ":", ",", "=", "@", "top_k", "top_p", "k", "posterior", "prior", "select",
            "reroute", "router", "probe", "switching", "fixed", "prompt", "python", "0.5", "1", "2", "-3", "NaN", "\0", "\ud800", "ß"];
        var named = 0;
        for (var i = 0; i < 20_000; i++)
        {
            var id = (random.Next(4) == 0 ? "" : "forest:")
                + string.Concat(Enumerable.Range(0, random.Next(1, 9)).Select(_ => parts[random.Next(parts.Length)]));
            if (Record.Exception(() => ModelId.Parse(id, Forest)) is { } refused)
            {
                Assert.IsType<RequestRejectedException>(refused);
                continue;
            }

            named++;
            Assert.Equal(ModelId.Parse(id, Forest), ModelId.Parse(ModelId.Parse(id, Forest).Name, Forest));
        }

        Assert.InRange(named, 20, 19_000);
    }

    [Fact]
    public void Every_listed_id_is_valid_for_what_is_served()
    {
        var alone = Forest with { Experts = [], Domains = [], PriorDomains = [], Averages = [] };
        Assert.Equal(["btx", "btx:k=1", "btx:k=2", "btx:k=3"], ModelId.All(alone));
        var without = Forest with { Moe = null };
        Assert.DoesNotContain(ModelId.All(without), id => id.StartsWith("btx", StringComparison.Ordinal));
        foreach (var served in new[] { Forest, alone, without })
            Assert.All(ModelId.All(served), id => Assert.Null(RequestRules.RoutingProblem(ModelId.Parse(id, served).Routing, served)));
    }

    [Theory]
    [InlineData("btx", "none is loaded", false)]
    [InlineData("btx:k=2", "none is loaded", false)]
    [InlineData("forest", "only a BTX model is loaded", true)]
    [InlineData("expert:novels", "only a BTX model is loaded", true)]
    public void A_model_that_is_not_loaded_is_not_found(string id, string message, bool moeOnly)
    {
        var served = moeOnly ? Forest with { Experts = [], Domains = [], PriorDomains = [] } : Forest with { Moe = null };
        var problem = RequestRules.RoutingProblem(ModelId.Parse(id, served).Routing, served)!;
        Assert.Equal(ErrorKind.Missing, problem.Kind);
        Assert.Contains(message, problem.Message, StringComparison.Ordinal);
    }
}
