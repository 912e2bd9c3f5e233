using Btx.Engine.Requests;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Forest.Tests.RegistryFixture;

namespace Btx.Forest.Tests;

public sealed class PriorEstimateTests(ServedForest served)
{
    [Theory]
    [InlineData(17, 1, 16)]
    [InlineData(33, 2, 16)]
    [InlineData(1602, 100, 16)]
    [InlineData(5001, 100, 50)]
    [InlineData(40_000, 100, 127)]
    public async Task Text_is_split_in_up_to_a_hundred_sequences(int tokens, int sequences, int length)
    {
        await using var f = new RegistryFixture(served);
        var text = string.Concat(Enumerable.Range(0, tokens).Select(i => (char)('A' + (i % 2))));
        Assert.Equal(tokens, f.Registry.Engine.Tokenizer.Encode(text).Length);
        var split = SampleText.Sequences(text, "it", f.Registry.Engine.Tokenizer, 128);
        Assert.Equal(sequences, split.Count);
        Assert.All(split, s => Assert.Equal(length + 1, s.Length));
    }

    [Fact]
    public async Task The_prior_of_an_addition_is_that_of_the_forest_which_has_it()
    {
        await using var f = new RegistryFixture(served);
        var text = string.Join(' ', Enumerable.Range(0, 90).Select(i => $"the {i} cats of the {i * 7} mats"));
        await f.Registry.ChangeAsync(f.Addition() with { Samples = new Dictionary<string, string> { ["epsilon"] = text } });
        var engine = f.Registry.Engine;
        var expected = new List<double[]>();
        foreach (var name in engine.Describe().Experts)
        {
            var totals = new List<double>();
            foreach (var sequence in SampleText.Sequences(text, "it", engine.Tokenizer, 128))
                totals.Add((await engine.ScoreAsync(new ScoreRequest(sequence, EngineCalls.Expert(name)), None)).LogProbs.Sum());
            expected.Add([.. totals]);
        }

        var prior = CachedPrior.Estimate(expected);
        Assert.Equal(prior, f.Registry.State.Expert("epsilon").Prior!.Values, (a, b) => Math.Abs(a - b) < 1e-4);
        Assert.Equal(["epsilon"], f.Registry.Engine.Describe().PriorDomains.Except(["alpha", "beta"]));
    }
}
