using Btx.Model.Mixing;

namespace Btx.Model.Tests.Mixing;

public sealed class RoutingRulesTests
{
    private static readonly string[] Experts = ["novels", "bible", "python"];
    private static readonly string[] Domains = ["novels"];

    private static string? Problem(Routing routing) => RoutingRules.Problem(routing, Experts, Domains);

    [Fact]
    public void Valid_routings_pass()
    {
        Routing[] valid =
        [
            new(), new() { Mode = RoutingMode.TopK, K = 1 }, new() { Mode = RoutingMode.TopK, K = 3 },
                new() { Mode = RoutingMode.TopP, P = 1 },
            new() { Mode = RoutingMode.Expert, Expert = "bible" }, new() { Mode = RoutingMode.Average }, new() { PriorDomain = "novels" },
            new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior, AverageDomain = "novels" },
            new() { Posterior = PosteriorKind.Switching, SwitchingRate = 1 }, new() { K = 99 },
        ];
        Assert.All(valid, r => Assert.Null(Problem(r)));
    }

    [Fact]
    public void Problems_name_the_value_and_the_choices()
    {
        void Expect(Routing routing, params string[] parts)
        {
            var problem = Problem(routing);
            foreach (var part in parts) Assert.Contains(part, problem, StringComparison.Ordinal);
        }

        Expect(new() { Mode = RoutingMode.TopK, K = 0 }, "k is 0", "1..3");
        Expect(new() { Mode = RoutingMode.TopK, K = 4 }, "k is 4", "1..3");
        Expect(new() { Mode = RoutingMode.TopK, K = int.MinValue }, "1..3");
        foreach (var p in new[] { 0, -1, 1.0001, double.NaN, double.PositiveInfinity })
            Expect(new() { Mode = RoutingMode.TopP, P = p }, "p is ");
        foreach (var rate in new[] { -0.1, 1.1, double.NaN }) Expect(new() { SwitchingRate = rate }, "switching rate");
        Expect(new() { SelectTokens = 0 }, "select tokens is 0");
        Expect(new() { RerouteInterval = -1 }, "re-route");
        Expect(new() { Router = (ExpertRouter)99 }, "unknown router");
        Expect(new() { ProbeTokens = 1 }, "probe tokens is 1", "2 or more");
        Expect(new() { Mode = RoutingMode.Expert }, "name");
        Expect(new() { Mode = RoutingMode.Expert, Expert = "x" }, "\"x\"", "novels, bible, python");
        Expect(new() { PriorDomain = "x" }, "\"x\"", "novels");
        Expect(new() { Mode = RoutingMode.Average, Average = AverageWeights.Posterior }, "target domain");
        Expect(new() { Mode = RoutingMode.Average, Average = AverageWeights.Argmax, AverageDomain = "x" }, "\"x\"");
        Expect(new() { Mode = (RoutingMode)99 }, "unknown mode");
        Expect(new() { Posterior = (PosteriorKind)99 }, "unknown posterior");
    }

    [Fact]
    public void A_mixture_takes_k_up_to_its_own_experts()
    {
        string? Moe(int k, int mixture) => RoutingRules.Problem(new() { Mode = RoutingMode.Moe, K = k }, Experts, Domains, mixture);
        Assert.Null(Moe(1, 5));
        Assert.Null(Moe(5, 5));
        Assert.Contains("k is 6; expected 1..5", Moe(6, 5), StringComparison.Ordinal);
        Assert.Contains("k is 0; expected 1..5", Moe(0, 5), StringComparison.Ordinal);
        Assert.Contains("needs a BTX model", Moe(2, 0), StringComparison.Ordinal);
    }
}
