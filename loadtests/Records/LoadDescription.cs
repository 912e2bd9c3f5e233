namespace Btx.LoadTests.Records;

/// <summary>The load's shape, in the command line's own words.</summary>
/// <param name="Door"><c>grpc</c> or <c>http</c>.</param>
/// <param name="Prompts">Where prompts come from, and the domain mix.</param>
/// <param name="PromptTokens">Distribution of prompt lengths.</param>
/// <param name="OutputTokens">Distribution of output lengths.</param>
/// <param name="WarmUp">What is left out: seconds or requests.</param>
/// <param name="Bound">When a point ends: seconds or requests.</param>
public sealed record LoadDescription(string Door, string Prompts, string PromptTokens, string OutputTokens, string WarmUp, string Bound);
