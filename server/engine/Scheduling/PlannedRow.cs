namespace Btx.Engine.Scheduling;

/// <summary>One row of a plan: positions Start … Start + Count − 1 of a sequence on one of its members.</summary>
/// <param name="Member">Index into <see cref="Sequence.Members"/>.</param>
/// <param name="Wanted">How many of the last positions need logits.</param>
internal readonly record struct PlannedRow(Sequence Sequence, int Member, int Start, int Count, int Wanted);
