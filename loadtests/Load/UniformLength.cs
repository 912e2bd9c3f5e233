namespace Btx.LoadTests.Load;

/// <summary>Each length from the first to the last, both included, as likely as the other.</summary>
public sealed record UniformLength(int From, int To) : ILengths
{
    public string Text => $"uniform:{From}..{To}";

    public int Max => To;

    public double Median => (From + To) / 2.0;

    public int Draw(ref Draws draws) => From + draws.Below(To - From + 1);
}
