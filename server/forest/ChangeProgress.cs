namespace Btx.Forest;

/// <summary>How far a change is.</summary>
/// <param name="Phase">One of <see cref="ChangePhase.Names"/>.</param>
/// <param name="Fraction">Of this phase, 0..1.</param>
/// <param name="Message">One line for a terminal.</param>
public sealed record ChangeProgress(string Phase, double Fraction, string Message);
