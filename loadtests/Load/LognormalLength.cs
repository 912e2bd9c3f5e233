namespace Btx.LoadTests.Load;

/// <summary>A few long ones among many short ones, as lengths of prompts and answers are: exp of a normal. What is longer
/// than <see cref="Max"/> is drawn again.</summary>
/// <param name="Sigma">Standard deviation of the logarithm.</param>
public sealed record LognormalLength(double Median, double Sigma, int Max) : ILengths
{
    public string Text => FormattableString.Invariant($"lognormal:{Median},{Sigma},{Max}");

    public int Draw(ref Draws draws)
    {
        while (true)
        {
            var length = Math.Max(1, Math.Round(Median * Math.Exp(Sigma * draws.Normal())));
            if (length <= Max) return (int)length;
        }
    }
}
