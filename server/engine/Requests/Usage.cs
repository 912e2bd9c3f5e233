namespace Btx.Engine.Requests;

/// <param name="ExpertSteps">Forward rows per expert, index as in the description: what the request cost.</param>
/// <param name="RoutedTokens">Mode moe, [N]: tokens that each expert computed, prompt included,
/// mean over layers; empty in other modes.</param>
public sealed record Usage(int PromptTokens, int CompletionTokens, int[] ExpertSteps, TimeSpan TimeToFirstToken, TimeSpan Total,
    double[] RoutedTokens);
