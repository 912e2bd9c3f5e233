namespace Btx.Model.Tests.Mixing;

/// <summary>Probabilities that E experts give to the tokens of a made-up text: multiples of
/// 1/64, so that exact and in double alike.</summary>
internal sealed class RandomText
{
    public RandomText(int seed, int experts, int tokens, bool zeros = false)
    {
        var random = new Random(seed);
        var cuts = Enumerable.Range(0, experts).Select(_ => random.Next(1, 9)).ToArray();
        Prior = [.. cuts.Select(c => new Rational(c, cuts.Sum()))];
        Tokens = [.. Enumerable.Range(0, tokens).Select(_ =>
            Enumerable.Range(0, experts).Select(_ => new Rational(zeros && random.Next(5) == 0 ? 0 : random.Next(1, 65), 64)).ToArray())];
    }

    public Rational[] Prior { get; }

    /// <summary>[token][expert].</summary>
    public Rational[][] Tokens { get; }

    public double[] PriorDouble => [.. Prior.Select(p => p.ToDouble())];

    public double[] LogProbs(int token) => [.. Tokens[token].Select(p => Math.Log(p.ToDouble()))];

    /// <summary>[expert][token], the form that <see cref="Btx.Model.Mixing.MixtureScore"/> takes.</summary>
    public double[][] ByExpert =>
        [.. Enumerable.Range(0, Prior.Length).Select(j => Tokens.Select(t => Math.Log(t[j].ToDouble())).ToArray())];
}
