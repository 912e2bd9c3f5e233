namespace Btx.LoadTests.Statistics;

/// <summary>Distribution functions and their inverses.</summary>
public static class Distributions
{
    /// <summary>P(Z ≤ z) of the standard normal.</summary>
    public static double Normal(double z)
    {
        var half = z * z / 2;
        if (Math.Abs(z) < 3)
        {
            double term = z, sum = z;
            for (var n = 1; n < 200 && Math.Abs(term) > 1e-17 * Math.Abs(sum); n++) sum += term *= z * z / ((2 * n) + 1);
            return 0.5 + (sum * Math.Exp(-half) / Math.Sqrt(2 * Math.PI));
        }

        var x = Math.Abs(z);
        var fraction = x;
        for (var n = 120; n >= 1; n--) fraction = x + (n / fraction);
        var tail = Math.Exp(-half) / (Math.Sqrt(2 * Math.PI) * fraction);
        return z < 0 ? tail : 1 - tail;
    }

    /// <summary>P(T ≤ t) of Student's distribution.</summary>
    public static double Student(double t, double degreesOfFreedom)
    {
        var tail = SpecialFunctions.Beta(degreesOfFreedom / (degreesOfFreedom + (t * t)), degreesOfFreedom / 2, 0.5) / 2;
        return t < 0 ? tail : 1 - tail;
    }

    /// <summary>The t that Student's distribution stays below with a probability, 0.5 ≤ p &lt; 1.</summary>
    public static double StudentQuantile(double p, double degreesOfFreedom)
    {
        double low = 0, high = 1;
        while (Student(high, degreesOfFreedom) < p && high < 1e12) high *= 2;
        for (var i = 0; i < 200 && high - low > 1e-12 * high; i++)
        {
            var middle = (low + high) / 2;
            if (Student(middle, degreesOfFreedom) < p) low = middle;
            else high = middle;
        }

        return (low + high) / 2;
    }

    /// <summary>P(F > f) of Fisher's distribution.</summary>
    public static double FisherTail(double f, double numerator, double denominator) =>
        f <= 0 ? 1 : SpecialFunctions.Beta(denominator / (denominator + (numerator * f)), denominator / 2, numerator / 2);

    /// <summary>P(B ≤ k) of n trials that succeed with probability p.</summary>
    public static double Binomial(long k, long n, double p) => k < 0 ? 0 : k >= n ? 1 : SpecialFunctions.Beta(1 - p, n - k, k + 1);
}
