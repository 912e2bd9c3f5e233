using Btx.Engine.Requests;
using Btx.Engine.Sampling;
using Btx.Model;
using Btx.Model.Mixing;
using FsCheck;
using FsCheck.Fluent;

namespace Btx.Engine.Tests.Sampling;

/// <summary>Sampling holds for every accepted value and every distribution that logits can give, and goes to the greedy answer with the
/// temperature.</summary>
public sealed class AnyValueTests
{
    private const int Vocab = 37; // not a multiple of a vector

    private static readonly SamplingOptions[] Filters =
    [
        new(), new() { TopK = 1 }, new() { TopK = 5 }, new() { TopK = int.MaxValue }, new() { TopP = 0.9 }, new() { TopP = double.Epsilon },
            new() { MinP = 1 }, new() { MinP = 0.1 },
        new() { TopK = 5, TopP = 0.5, MinP = 1e-300 },
    ];

    private static Gen<double> Upto(double high) => Gen.OneOf(
        Gen.Elements(double.Epsilon, 1e-320, 1e-300, 1e-45, 1e-38, 1e-10, 1e-9, 1e-6, 1e-5, Math.BitIncrement(1e-5), 0.01, 0.5, 1, high),
        ArbMap.Default.GeneratorFor<double>().Select(x => double.IsFinite(x) ? Math.Clamp(Math.Abs(x), double.Epsilon, high) : high),
        Gen.Choose(0, int.MaxValue).Select(n => Math.Clamp(BitConverter.Int64BitsToDouble((long)n << 32), double.Epsilon, high)),
        Gen.Choose(-1074, 4).Select(e => Math.Clamp(Math.ScaleB(1, e), double.Epsilon, high)));

    private static Gen<SamplingOptions> AnyOptions =>
        from temperature in Upto(100)
        from penalty in Upto(10)
        from topP in Upto(1)
        from minP in Upto(1)
        from topK in Gen.OneOf(Gen.Choose(0, 40), Gen.Constant(int.MaxValue))
        from off in Gen.Choose(0, 31)
        select new SamplingOptions
        {
            Temperature = (off & 1) != 0 ? 1 : temperature,
            RepetitionPenalty = (off & 2) != 0 ? 1 : penalty,
            TopP = (off & 4) != 0 ? 1 : topP,
            MinP = (off & 8) != 0 ? 0 : minP,
            TopK = (off & 16) != 0 ? 0 : topK,
        };

    private static Gen<float[]> AnyLogits => Gen.OneOf(
        Logits(Gen.Choose(-200, 200).Select(n => n / 10f)),
        Logits(Gen.Choose(0, 2).Select(n => n * 3e-8f)), // equal, or nearly
        Logits(Gen.Elements(float.NegativeInfinity, 0, 80, -80, 1e30f, -3e38f, float.Epsilon)),
        Logits(ArbMap.Default.GeneratorFor<float>().Select(x => float.IsFinite(x) ? x : float.NegativeInfinity)));

    private static Gen<float[]> Logits(Gen<float> one) => one.ArrayOf(Vocab).Where(row => double.IsFinite(LogitRow.LogNormaliser(row)));

    private static float[] Mixture(float[] logits)
    {
        var mixture = new float[Vocab];
        LogitRow.AddSoftmax(logits, LogitRow.LogNormaliser(logits), 1, mixture);
        return mixture;
    }

    private static bool[] Seen(int bits) => [.. Enumerable.Range(0, Vocab).Select(v => (bits >> (v % 31) & 1) != 0)];

    [Fact]
    public void Every_draw_ends_with_a_token_that_can_be()
    {
        var sampler = new TokenSampler(Vocab);
        Prop.ForAll(AnyLogits.ToArbitrary(), AnyOptions.ToArbitrary(), ArbMap.Default.ArbFor<int>(), (logits, options, bits) =>
        {
            var mixture = Mixture(logits);
            var random = new RandomStream(bits);
            var token = sampler.Sample(mixture, options, Seen(bits), ref random);
            return token is >= 0 and < Vocab && mixture[token] > 0;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20_000).WithReplay(3, 7));
    }

    [Fact]
    public void As_the_temperature_goes_to_0_the_answer_is_the_greedy_one_with_every_filter()
    {
        var sampler = new TokenSampler(Vocab);
        Prop.ForAll(AnyLogits.ToArbitrary(), Upto(1e-5).Where(t => t < 1e-5).ToArbitrary(), Upto(10).ToArbitrary(),
            (logits, temperature, penalty) =>
        {
            var mixture = Mixture(logits);
            return Filters.All(filter => new[] { 1, penalty }.All(p =>
            {
                RandomStream a = new(1), b = new(2);
                var greedy = sampler.Sample(mixture, filter with { Temperature = 0, RepetitionPenalty = p }, Seen(5), ref a);
                return greedy == sampler.Sample(mixture, filter with { Temperature = temperature, RepetitionPenalty = p }, Seen(5), ref b);
            }));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2_000).WithReplay(4, 9));
    }

    [Theory]
    [InlineData(1e-5)]
    [InlineData(1e-3)]
    public void A_low_temperature_is_greedy_where_logits_differ(double temperature)
    {
        var random = new RandomStream(5);
        var mixture = Mixture([.. Enumerable.Range(0, Vocab).Select(v => v == 30 ? 1.2f : 1.1f)]);
        foreach (var filter in Filters)
            Assert.Equal(30, new TokenSampler(Vocab).Sample(mixture, filter with { Temperature = temperature }, [], ref random));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(0)]
    public void A_damaged_mixture_is_refused_and_not_drawn_from(float bad)
    {
        foreach (var filter in Filters)
        {
            var mixture = new float[Vocab];
            mixture[17] = bad;
            var random = new RandomStream(5);
            var failure = Assert.Throws<BtxException>(() => new TokenSampler(Vocab).Sample(mixture, filter, [], ref random));
            Assert.Contains("weights of an expert are damaged", failure.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_penalty_that_no_probability_survives_in_fp32_still_chooses_the_most_probable()
    {
        var mixture = Mixture([.. Enumerable.Range(0, Vocab).Select(v => v == 3 ? 0.1f : v < 30 ? 0 : -40f)]);
        mixture.AsSpan().Sort();
        for (var v = 0; v < Vocab; v++) mixture[v] *= 1e-6f; // as of a vocabulary a million times as large
        var random = new RandomStream(5);
        Assert.Equal(Vocab - 1,
            new TokenSampler(Vocab).Sample(mixture, new() { Temperature = 0, RepetitionPenalty = 10 }, Seen(-1), ref random));
    }
}
