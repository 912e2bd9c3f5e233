using Btx.Model.Averaging;

namespace Btx.Model.Tests.Averaging;

public sealed class ParameterAverageTests
{
    private static float[] Average(IReadOnlyList<float[]> models, double[] weights)
    {
        var sum = new double[models[0].Length];
        for (var j = 0; j < models.Count; j++) ParameterAverage.Accumulate(models[j], weights[j], sum);
        var average = new float[sum.Length];
        ParameterAverage.Round(sum, average);
        return average;
    }

    private static float[] AnyFinite(Random random, int n)
    {
        var values = new float[n];
        for (var i = 0; i < n; i++)
        {
            do values[i] = BitConverter.Int32BitsToSingle(random.Next(int.MinValue, int.MaxValue));
            while (!float.IsFinite(values[i]));
        }

        return values;
    }

    [Fact]
    public void One_hot_weights_give_that_models_bits()
    {
        var random = new Random(3);
        foreach (var n in new[] { 0, 1, 7, 8, 9, 1003 })
        {
            float[][] models = [AnyFinite(random, n), AnyFinite(random, n), AnyFinite(random, n)];
            if (n > 6) (models[1][0], models[1][1], models[1][2], models[1][n - 1]) = (-0f, 0f, float.Epsilon, -0f);
            var average = Average(models, [0, 1, 0]);
            Assert.Equal(models[1].Select(BitConverter.SingleToInt32Bits), average.Select(BitConverter.SingleToInt32Bits));
        }
    }

    [Fact]
    public void Any_weights_give_the_sum_in_double_rounded_once()
    {
        var random = new Random(4);
        double[] weights = [0.25, 0.6, 0.15];
        var models = Enumerable.Range(0, 3)
            .Select(_ => Enumerable.Range(0, 37).Select(_ => (float)((random.NextDouble() * 2) - 1)).ToArray()).ToArray();
        var average = Average(models, weights);
        for (var i = 0; i < 37; i++)
        {
            decimal exact = 0;
            for (var j = 0; j < 3; j++) exact += (decimal)weights[j] * new decimal((double)models[j][i]);
            Assert.InRange(Math.Abs(average[i] - (double)exact), 0, 6.1e-8 * Math.Abs((double)exact) + 1e-12);
        }
    }

    [Fact]
    public void A_model_averaged_with_itself_stays_itself()
    {
        var model = AnyFinite(new Random(5), 100).Select(v => v % 1e30f).ToArray();
        Assert.Equal(model, Average([model, model, model, model], [0.25, 0.25, 0.25, 0.25]));
    }

    [Fact]
    public void Lengths_must_agree() => Assert.Throws<ArgumentException>(() => ParameterAverage.Accumulate(new float[3], 1, new double[4]));

    [Fact]
    public void Weights_are_rescaled_to_one_and_a_single_one_is_exactly_one()
    {
        Assert.Equal([0, 1, 0], ParameterAverage.Normalise([0, 1 - 5e-7, 0]));
        var w = ParameterAverage.Normalise([0.3333333, 0.3333333, 0.3333333]);
        Assert.InRange(w.Sum(), 1 - 1e-15, 1 + 1e-15);
    }

    [Fact]
    public void Other_weights_are_refused()
    {
        double[][] bad = [[], [0.5], [0.5, 0.6], [double.NaN, 1], [1.5, -0.5], [double.PositiveInfinity, 0], [0, 0]];
        foreach (var weights in bad) Assert.Throws<BtxException>(() => ParameterAverage.Normalise(weights));
    }
}
