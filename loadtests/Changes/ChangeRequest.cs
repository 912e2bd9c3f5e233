namespace Btx.LoadTests.Changes;

/// <summary>Which changes under load a sweep ends with.</summary>
/// <param name="Rounds">How often an expert comes and leaves; 0: no changes.</param>
/// <param name="Guest">Directory of the expert that comes and leaves; null: the last one leaves and comes again.</param>
/// <param name="Concurrency">Of the closed loop beside them.</param>
/// <param name="Quiet">Time before, between and after changes.</param>
internal sealed record ChangeRequest(int Rounds, string? Guest, int Concurrency, TimeSpan Quiet);
