namespace Btx.Trainer.Phases;

/// <summary>How a round ended.</summary>
/// <param name="Directory">Of the plan and its runs.</param>
/// <param name="AlreadyFinished">An earlier call had finished it.</param>
/// <param name="Failures">Reason by expert; empty: all are trained and merged.</param>
public sealed record RoundResult(RoundPlan Plan, string Directory, bool AlreadyFinished, IReadOnlyDictionary<string, string> Failures);
