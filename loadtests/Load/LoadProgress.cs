namespace Btx.LoadTests.Load;

/// <summary>How far a load is.</summary>
/// <param name="Seconds">Since it began.</param>
/// <param name="Measuring">The warm-up is over.</param>
/// <param name="Tokens">Of requests that have ended, like <paramref name="Ended"/>.</param>
public readonly record struct LoadProgress(double Seconds, bool Measuring, int Sent, int Ended, int Failed, long Tokens);
