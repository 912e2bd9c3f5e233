namespace Btx.LoadTests.Charts;

/// <summary>What one direction of a chart shows.</summary>
/// <param name="Title">Quantity and unit: <c>time to first token (ms)</c>.</param>
public sealed record Axis(string Title)
{
    /// <summary>Powers of ten at equal distances; values of zero and below have no place on it.</summary>
    public bool Logarithmic { get; init; }

    /// <summary>Whether a linear axis begins at zero.</summary>
    public bool FromZero { get; init; }

    /// <summary>Whether only whole numbers are marked: counts.</summary>
    public bool Whole { get; init; }

    /// <summary>The values to mark, where they are known; else round ones.</summary>
    public IReadOnlyList<double>? Ticks { get; init; }
}
