namespace Btx.Bench.Change;

/// <summary>Time between two tokens of a stream.</summary>
/// <param name="At">When the second came: a timestamp.</param>
internal readonly record struct Gap(long At, double Milliseconds);
