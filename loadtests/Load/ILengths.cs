namespace Btx.LoadTests.Load;

/// <summary>A distribution of lengths in tokens, each at least 1.</summary>
public interface ILengths
{
    /// <summary>As the command line says it.</summary>
    string Text { get; }

    /// <summary>The longest that is drawn.</summary>
    int Max { get; }

    /// <summary>The middle of the distribution.</summary>
    double Median { get; }

    int Draw(ref RandomStream draws);
}

/// <summary>Lengths that were seen, each as often as it was.</summary>
/// <param name="File">For messages.</param>
public sealed record EmpiricalLength(string File, IReadOnlyList<int> Seen) : ILengths
{
    public string Text => $"empirical:{File}";

    public int Max { get; } = Seen.Max();

    public double Median { get; } = Seen.Order().ElementAt(Seen.Count / 2);

    public int Draw(ref RandomStream draws) => Seen[draws.Below(Seen.Count)];
}

public sealed record FixedLength(int Tokens) : ILengths
{
    public string Text => $"fixed:{Tokens}";

    public int Max => Tokens;

    public double Median => Tokens;

    public int Draw(ref RandomStream draws) => Tokens;
}

/// <summary>A few long ones among many short ones, as lengths of prompts and answers are: exp of a normal. What is longer
/// than <see cref="Max"/> is drawn again.</summary>
/// <param name="Sigma">Standard deviation of the logarithm.</param>
public sealed record LognormalLength(double Median, double Sigma, int Max) : ILengths
{
    public string Text => FormattableString.Invariant($"lognormal:{Median},{Sigma},{Max}");

    public int Draw(ref RandomStream draws)
    {
        while (true)
        {
            var length = Math.Max(1, Math.Round(Median * Math.Exp(Sigma * draws.Normal())));
            if (length <= Max) return (int)length;
        }
    }
}

/// <summary>Each length from the first to the last, both included, as likely as the other.</summary>
public sealed record UniformLength(int From, int To) : ILengths
{
    public string Text => $"uniform:{From}..{To}";

    public int Max => To;

    public double Median => (From + To) / 2.0;

    public int Draw(ref RandomStream draws) => From + draws.Below(To - From + 1);
}
