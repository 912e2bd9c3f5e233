using System.Numerics;

namespace Btx.Model.Tests.Mixing;

/// <summary>An exact fraction: the reference for products of probabilities, without logarithms or rounding.</summary>
internal readonly record struct Rational(BigInteger Numerator, BigInteger Denominator)
{
    public static Rational Zero => new(0, 1);

    public bool IsZero => Numerator.IsZero;

    public static Rational operator +(Rational a, Rational b) =>
        new Rational((a.Numerator * b.Denominator) + (b.Numerator * a.Denominator), a.Denominator * b.Denominator).Reduced();

    public static Rational operator *(Rational a, Rational b) =>
        new Rational(a.Numerator * b.Numerator, a.Denominator * b.Denominator).Reduced();

    public static Rational operator /(Rational a, Rational b) =>
        new Rational(a.Numerator * b.Denominator, a.Denominator * b.Numerator).Reduced();

    public double ToDouble() => IsZero ? 0 : Math.Exp(BigInteger.Log(Numerator) - BigInteger.Log(Denominator));

    private Rational Reduced()
    {
        var d = BigInteger.GreatestCommonDivisor(Numerator, Denominator);
        return d.IsOne || d.IsZero ? this : new(Numerator / d, Denominator / d);
    }
}
