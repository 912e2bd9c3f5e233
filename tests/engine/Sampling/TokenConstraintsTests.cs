using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Engine.Tests.Fixtures;
using Btx.Model.Mixing;
using static Btx.Engine.Tests.Fixtures.EngineCalls;

namespace Btx.Engine.Tests.Sampling;

/// <summary>Bias, penalties and masks change the mixture as their definitions say.</summary>
public sealed class TokenConstraintsTests
{
    private const int Vocab = 64;
    private static readonly int[] End = [3];

    private static float[] Mixture(int seed)
    {
        var random = new Random(seed);
        var p = Enumerable.Range(0, Vocab).Select(_ => Math.Pow(random.NextDouble(), 4)).ToArray();
        return [.. p.Select(x => (float)(x / p.Sum()))];
    }

    // Without a grammar nothing is asked of the snapshot.
    private static TokenConstraints Make(SamplingOptions options) =>
        TokenConstraints.Of(Request(new Routing(), sampling: options) with { IgnoreEndOfSequence = false }, null!, 100)!;

    [Fact]
    public void A_request_that_asks_for_nothing_has_none() => Assert.Null(TokenConstraints.Of(Request(new Routing()), null!, 10));

    [Theory]
    [InlineData(0.6, 0.3, 1)]
    [InlineData(-2, 2, 0.7)]
    [InlineData(2, -0.5, 1.5)]
    public void Tokens_are_drawn_by_the_plain_formula(double presence, double frequency, double temperature)
    {
        var options = new SamplingOptions
        {
            PresencePenalty = presence,
            FrequencyPenalty = frequency,
            Temperature = temperature,
            LogitBias = new Dictionary<int, double> { [5] = 2.5, [6] = -100, [7] = 1 },
            MinTokens = 10,
            StopTokenIds = [9],
        };
        var constraints = Make(options);
        int[] written = [5, 5, 8, 20, 8, 8];
        foreach (var (i, token) in written.Index())
        {
            constraints.Prepare(End, Vocab, i);
            constraints.Commit(token, i + 1);
        }

        constraints.Prepare(End, Vocab, written.Length);
        var mixture = Mixture(3);
        int Times(int token) => written.Count(t => t == token);
        var scores = mixture.Select((p, v) => Math.Log(p) + options.LogitBias.GetValueOrDefault(v)
            - (presence * Math.Min(1, Times(v))) - (frequency * Times(v))).ToArray();
        scores[3] = scores[9] = double.NegativeInfinity; // the end of the text
        var expected = new double[Vocab];
        LogSpace.Softmax([.. scores.Select(s => s / temperature)], expected);

        var counts = new int[Vocab];
        var sampler = new TokenSampler(Vocab);
        var random = new RandomStream(11);
        for (var i = 0; i < 20_000; i++) counts[sampler.Sample(mixture, options, [], ref random, constraints)]++;
        for (var v = 0; v < Vocab; v++) Assert.InRange(counts[v] / 20_000.0, expected[v] - 0.02, expected[v] + 0.02);
        Assert.Equal((0, 0), (counts[3], counts[9]));
        var greedy = sampler.Sample(mixture, options with { Temperature = 0 }, [], ref random, constraints);
        Assert.Equal(Array.IndexOf(scores, scores.Max()), greedy);
    }

    [Fact]
    public void The_end_may_come_once_there_are_tokens_enough()
    {
        var constraints = Make(new SamplingOptions { MinTokens = 2, StopTokenIds = [9] });
        var mixture = new float[Vocab];
        (mixture[3], mixture[9], mixture[4]) = (0.6f, 0.3f, 0.1f);
        var random = new RandomStream(1);
        foreach (var (completed, expected) in new[] { (0, 4), (1, 4), (2, 3) })
        {
            constraints.Prepare(End, Vocab, completed);
            Assert.Equal(expected, new TokenSampler(Vocab).Sample(mixture, new() { Temperature = 0 }, [], ref random, constraints));
        }

        Assert.True(constraints.IsEnd(9));
        Assert.False(constraints.IsEnd(4));
    }
}
