using System.Globalization;

namespace Btx.LoadTests.Planning;

/// <summary>Which share of requests is of which domain, one domain an expert, the largest first.</summary>
public static class DomainShares
{
    public const string Forms = "uniform, zipf:EXPONENT or a weight for each expert: 0.5,0.3,0.2";

    /// <exception cref="LoadTestException">None of these, or another number of weights than experts.</exception>
    public static double[] Read(string option, string text, int experts)
    {
        double[] weights;
        if (text == "uniform") weights = [.. Enumerable.Repeat(1.0, experts)];
        else if (text.StartsWith("zipf:", StringComparison.Ordinal))
        {
            if (!Number(text[5..], out var exponent) || exponent is < 0 or > 10)
                throw new LoadTestException($"{option} {text}: expected zipf: and an exponent from 0 to 10");
            weights = [.. Enumerable.Range(1, experts).Select(i => Math.Pow(i, -exponent))];
        }
        else
        {
            var parts = text.Split(',');
            weights = new double[parts.Length];
            for (var i = 0; i < parts.Length; i++)
                if (!Number(parts[i], out weights[i]) || weights[i] < 0)
                    throw new LoadTestException($"{option} {text}: \"{parts[i]}\" is no weight; expected {Forms}");
            if (parts.Length != experts)
                throw new LoadTestException($"{option} {text}: {parts.Length} weights for {experts} experts; give "
                    + "one for each, or uniform or zipf:1");
            if (!(weights.Sum() > 0)) throw new LoadTestException($"{option} {text}: the weights are all zero");
        }

        var sum = weights.Sum();
        return [.. weights.Select(w => w / sum).OrderDescending()];
    }

    private static bool Number(string text, out double value) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value) && double.IsFinite(value);
}
