namespace Btx.LoadTests.Load;

/// <summary>A request before it is sent.</summary>
/// <param name="Index">From 0, in the order of arrival.</param>
/// <param name="Due">Seconds since the load began; null in a closed loop.</param>
/// <param name="PromptTokens">Asked for; the answer's usage says how many there were.</param>
/// <param name="Seed">Of its sampling.</param>
public sealed record PlannedRequest(int Index, double? Due, string Domain, string Prompt, int PromptTokens, int OutputTokens, long Seed);
