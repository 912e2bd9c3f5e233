using Btx.LoadTests.Load;
using Btx.LoadTests.Tests.Fakes;

namespace Btx.LoadTests.Tests.Load;

public sealed class LoadPlanTests
{
    [Fact]
    public void A_seed_gives_the_same_plan_and_another_seed_another()
    {
        var plan = Plans.Of("poisson:5", "uniform:4..20", "lognormal:10,0.5,40").Requests().Take(50).ToArray();
        Assert.Equal(plan, Plans.Of("poisson:5", "uniform:4..20", "lognormal:10,0.5,40").Requests().Take(50));
        Assert.NotEqual(plan, Plans.Of("poisson:5", "uniform:4..20", "lognormal:10,0.5,40", seed: 8).Requests().Take(50));
        Assert.Equal(50, plan.Select(r => r.Seed).Distinct().Count());
    }

    /// <summary>The draws are part of what a run's command line means: these figures may not change from one version to the next.</summary>
    [Fact]
    public void The_plan_of_a_seed_is_known()
    {
        var plan = Plans.Of("poisson:5", "uniform:4..9", "lognormal:10,0.5,40", seed: 1).Requests().Take(3).ToArray();
        Assert.Equal(
            "0 0.157471 code 8 9 1457459810012985562 [    retu]; 1 0.323974 prose 9 24 4207462769572308177 [Some year]; 2 0.510385 code "
                + "5 22 4128089421285378255 [    r]",
            string.Join("; ", plan.Select(r => FormattableString
                .Invariant($"{r.Index} {r.Due:0.000000} {r.Domain} {r.PromptTokens} {r.OutputTokens} {r.Seed} [{r.Prompt}]"))));
    }

    [Fact]
    public void Prompts_and_lengths_do_not_depend_on_the_arrivals()
    {
        var closed = Plans.Of("closed:4", "uniform:4..20").Requests().Take(30).ToArray();
        var bursts = Plans.Of("bursts:1,5,2", "uniform:4..20").Requests().Take(30).ToArray();
        Assert.All(closed, r => Assert.Null(r.Due));
        Assert.Equal(closed, bursts.Select(r => r with { Due = null }));
    }

    [Fact]
    public void Domains_come_by_their_weights()
    {
        var mixed = Plans.Of("closed:1", mix: "prose=3,code=1").Requests().Take(4000).Count(r => r.Domain == "prose");
        Assert.InRange(mixed, 3000 - 120, 3000 + 120); // 4.4 standard deviations
        Assert.All(Plans.Of("closed:1", mix: "code=1").Requests().Take(20), r => Assert.Equal("code", r.Domain));
    }

    [Fact]
    public void A_prompt_has_the_length_asked_for_and_begins_at_a_line()
    {
        foreach (var request in Plans.Of("closed:1", "uniform:1..120").Requests().Take(300))
        {
            Assert.Equal(request.PromptTokens, request.Prompt.Length); // one character a token here
            Assert.Contains(Plans.Texts.Domains, d => d == request.Domain);
        }

        var texts = new PromptTexts(new Dictionary<string, string[]> { ["d"] = ["first line\nsecond line\nthird line"] }, "lines");
        var draws = new RandomStream(1, RandomStream.Prompts);
        var starts = Enumerable.Range(0, 50).Select(_ => texts.Cut("d", 5, draws)).Distinct().Order();
        Assert.Equal(["first", "secon", "third"], starts);
    }

    [Fact]
    public void Lengths_that_the_context_cuts_are_counted()
    {
        var fits = Plans.Of("closed:1", "uniform:1..120");
        Assert.Equal(300, fits.Requests().Take(300).Count());
        Assert.Equal(0, fits.Shortened);
        var cut = Plans.Of("closed:1", "fixed:5000");
        Assert.All(cut.Requests().Take(20), r => Assert.Equal(252, r.PromptTokens));
        Assert.Equal(20, cut.Shortened);
    }

    [Fact]
    public void Half_a_character_is_not_sent()
    {
        var texts = new PromptTexts(new Dictionary<string, string[]> { ["d"] = ["ab\U0001F600cd"] }, "a smile");
        var draws = new RandomStream(1, RandomStream.Prompts);
        Assert.Equal("ab", texts.Cut("d", 3, draws));
        Assert.Equal("ab\U0001F600", texts.Cut("d", 4, draws));
    }

    [Fact]
    public void Prompt_and_answer_stay_within_the_context()
    {
        var texts = new PromptTexts(new Dictionary<string, string[]> { ["d"] = [new string('x', 50) + new string('7', 400)] },
            "dense in the end");
        var ruler = new PromptRuler(new Dictionary<string, (double, double)> { ["d"] = (4, 3) }, 64);
        var plan = new LoadPlan(Arrivals.Closed(1), texts, ruler, DomainMix.Read("--domains", null, ["d"]), Lengths.Uniform(1, 60),
            Lengths.Fixed(20), 1);
        foreach (var request in plan.Requests().Take(200))
        {
            Assert.InRange(request.PromptTokens, 1, 44);
            // A third of a token a letter and the margin; a token a digit.
            Assert.True(request.Prompt.Count(c => c == '7') + (request.Prompt.Count(c => c == 'x') / 3.0) <= 42, request.Prompt);
        }
    }

    [Fact]
    public void A_trace_says_when_how_long_and_of_what()
    {
        var trace = Arrivals.Trace("t", [new(10, 5, 6, "code"), new(11, null, null, null), new(14, 500, 700, "prose")], scale: 2);
        var plan = new LoadPlan(trace, Plans.Texts, new(Plans.Texts.Domains.ToDictionary(d => d, _ => (1.0, 1.0)), 64),
            DomainMix.Read("", null, Plans.Texts.Domains), Lengths.Fixed(9), Lengths.Fixed(3), 1).Requests().ToArray();
        Assert.Equal([0.0, 0.5, 2.0], plan.Select(r => r.Due!.Value));
        Assert.Equal((5, 6, "code"), (plan[0].PromptTokens, plan[0].OutputTokens, plan[0].Domain));
        Assert.Equal((9, 3), (plan[1].PromptTokens, plan[1].OutputTokens));
        Assert.Equal((1, 63), (plan[2].PromptTokens, plan[2].OutputTokens));
        var foreign = new LoadPlan(Arrivals.Trace("t", [new(0, null, null, "law")]), Plans.Texts,
            new(new Dictionary<string, (double, double)>(), 64), DomainMix.Read("", null, Plans.Texts.Domains), Lengths.Fixed(9),
            Lengths.Fixed(3), 1);
        Assert.Contains("law", Assert.Throws<LoadTestException>(() => foreign.Requests().ToArray()).Message);
    }
}
