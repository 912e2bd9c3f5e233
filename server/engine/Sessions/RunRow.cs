namespace Btx.Engine.Sessions;

/// <summary>One sequence's new tokens in a run of one model.</summary>
/// <param name="Slot">The KV slot.</param>
/// <param name="Past">Tokens already in that slot.</param>
/// <param name="Count">New tokens, at least 1.</param>
/// <param name="Wanted">How many of the last new positions need logits, 0..Count.</param>
/// <param name="ExpertsPerToken">k of a mixture, 1..N; not read by a dense model.</param>
internal readonly record struct RunRow(int Slot, int Past, int Count, int Wanted, int ExpertsPerToken = 0);
