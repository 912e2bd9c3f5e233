namespace Btx.LoadTests.Load;

public sealed record FixedLength(int Tokens) : ILengths
{
    public string Text => $"fixed:{Tokens}";

    public int Max => Tokens;

    public double Median => Tokens;

    public int Draw(ref Draws draws) => Tokens;
}
