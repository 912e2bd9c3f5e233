namespace Btx.Engine.Requests;

/// <param name="ExpertSteps">Forward rows per expert, index as in the description: what the request cost.</param>
public sealed record Usage(int PromptTokens, int CompletionTokens, int[] ExpertSteps, TimeSpan TimeToFirstToken, TimeSpan Total);
