using Btx.Model.Configuration;

namespace Btx.Model.Tests.Configuration;

/// <summary>
/// Rotary frequencies against values computed elsewhere: with Python's decimal module at 50 digits from the formulas of the papers
/// and of Llama 3's published scaling (head_dim 128 and theta 500000 are Llama 3.1's own).
/// </summary>
public sealed class RotaryFrequencyTests
{
    private static LlamaConfig Config(int headDim, double theta, RopeScaling? scaling) => new()
    {
        VocabSize = 8,
        HiddenSize = headDim,
        IntermediateSize = 8,
        NumHiddenLayers = 1,
        NumAttentionHeads = 1,
        NumKeyValueHeads = 1,
        MaxPositionEmbeddings = 64,
        RopeTheta = theta,
        RopeScaling = scaling,
    };

    private static void Near(double expected, double actual) => Assert.InRange(actual / expected, 1 - 1e-13, 1 + 1e-13);

    [Fact]
    public void Unscaled() => Check(Config(16, 10000, null),
    [1.0, 0.31622776601683794, 0.1, 0.03162277660168379, 0.01, 0.0031622776601683794, 0.001, 0.00031622776601683794]);

    [Fact]
    public void Linear_divides_every_frequency() => Check(Config(16, 10000, new("linear", 2.5)),
    [0.4, 0.12649110640673517, 0.04, 0.012649110640673518, 0.004, 0.0012649110640673518, 0.0004, 0.00012649110640673518]);

    [Theory]
    [InlineData(0, 1.0)] // kept
    [InlineData(1, 0.8146172338565447)] // kept
    [InlineData(10, 0.12868737343265052)] // kept
    [InlineData(20, 0.016560440080994446)] // kept
    [InlineData(27, 0.003942276030116656)] // kept
    [InlineData(28, 0.003211445994752591)] // kept
    [InlineData(29, 0.0021665707635033587)] // blended
    [InlineData(30, 0.0013718935677611381)] // blended
    [InlineData(31, 0.0008567514129196321)] // blended
    [InlineData(32, 0.0005248461609929547)] // blended
    [InlineData(33, 0.0003126937503840651)] // blended
    [InlineData(34, 0.0001785078127679964)] // blended
    [InlineData(35, 9.556212353964683e-05)] // scaled
    [InlineData(36, 7.78465527393245e-05)] // scaled
    [InlineData(37, 6.341514345777615e-05)] // scaled
    [InlineData(40, 3.428102195952591e-05)] // scaled
    [InlineData(50, 4.411534674558404e-06)] // scaled
    [InlineData(63, 3.068925988914511e-07)] // scaled
    public void Llama3_keeps_the_fast_divides_the_slow_and_blends_between(int index, double expected) =>
        Near(expected, Config(128, 500000, new("llama3", 8, 1, 4, 8192)).RotaryInverseFrequencies()[index]);

    [Fact]
    public void Llama3_at_a_small_scale() => Check(Config(16, 10000, new("llama3", 4, 1, 4, 256)),
    [1.0, 0.31622776601683794, 0.1, 0.0101859163578813, 0.0025, 0.0007905694150420948, 0.00025, 7.905694150420948e-05]);

    private static void Check(LlamaConfig config, double[] expected)
    {
        var actual = config.RotaryInverseFrequencies();
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++) Near(expected[i], actual[i]);
    }
}
