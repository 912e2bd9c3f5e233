namespace Btx.LoadTests.Charts;

/// <summary>A stretch of the horizontal axis that is shaded, such as the time of a change.</summary>
/// <param name="Faint">Half as dark: what follows from it.</param>
public sealed record Shade(double From, double To, string Label, bool Faint = false);
