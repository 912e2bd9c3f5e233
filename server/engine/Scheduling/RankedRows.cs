namespace Btx.Engine.Scheduling;

/// <summary>
/// Positions Start … Start + Count − 1 of a scored text, which one step runs on every member, so that their mixture can be ranked.
/// </summary>
internal readonly record struct RankedRows(Sequence Sequence, int Start, int Count);
