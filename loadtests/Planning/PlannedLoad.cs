namespace Btx.LoadTests.Planning;

/// <summary>What is asked of the service.</summary>
/// <param name="PromptTokens">Mean.</param>
/// <param name="OutputTokens">Mean.</param>
/// <param name="Mix">In the form of <see cref="DomainShares"/>.</param>
/// <param name="InterTokenLimit">Seconds between two tokens that a batch may take; null: none.</param>
public sealed record PlannedLoad(double RequestsPerSecond, double PromptTokens, double OutputTokens, string Mix, double? InterTokenLimit);
