namespace Btx.LoadTests.Load;

/// <summary>Lengths that were seen, each as often as it was.</summary>
/// <param name="File">For messages.</param>
public sealed record EmpiricalLength(string File, IReadOnlyList<int> Seen) : ILengths
{
    public string Text => $"empirical:{File}";

    public int Max { get; } = Seen.Max();

    public double Median { get; } = Seen.Order().ElementAt(Seen.Count / 2);

    public int Draw(ref Draws draws) => Seen[draws.Below(Seen.Count)];
}
